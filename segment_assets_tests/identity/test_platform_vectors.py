"""Every vector in the facts on destinations, asked for as `segment-assets hash` does: destination, variant, match key.

Amazon's are the sample rows of its uploader, with the hashes that it publishes; the others say where they are from.
"""

from __future__ import annotations

import base64
import hashlib

import pytest

from segment_assets.contracts import MatchKey, Reason
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.match_keys.preparing import Prepared, prepare


def prepared(destination: str, key: str, raw: str, country: str | None = None, variant: str | None = None) -> Prepared:
    match_key = MatchKey(key)
    return prepare(match_key, route(destination, variant).sent()[match_key], raw, country)


# key | raw | country | normal form | SHA-256
AMAZON = """
address | 0966 Morning Pass | es | 0966morningpass | d51f201f656ff9302e63a9ed0a265de780c376f7a9fff102397005ec13c7028d
address | 122 Bunker Hill Circle | in | 122bunkerhillcir | 334dec9851bbc99dd2153a1dae94ba2c623f9644a549ede6a3da9ac6ac315f01
address | 15583 Welch Terrace | es | 15583welchterrace | c189f4f0bd3a7ca5e2f58375187ccffa00ebcb0fb08e425455b737bc74f9f8c7
address | 2 Lawn Point | de | 2lawnpoint | 1a2d6db9b1fa1ef6442058ca1ec62ae2d27891439a57b24c9dc6f495833d3801
address | 3 Thompson Circle | fr | 3thompsoncir | 474c99d884724f9e34938c2f22824d13e47dd14f2c5c482b4cba42698aba4836
address | 4 Karstens Terrace | fr | 4karstensterrace | 10523c35257225ae83849b8b23768122752e259b07a4b2cfca7621f9461b6c20
address | 42083 Hauk Court | it | 42083haukct | a3377db7d504ecdbaab1f52c1c6999815878a3922180228e80a82b38d80709ce
address | 42781 Rieder Alley | in | 42781riederalley | c42bfdf9cea576eced08fff25a4d352d4e657c9960d79005bef24c749425a9bc
address | 48953 Sage Junction | us | 48953sagejct | 29d1e1d21e452d96c9b21164a05f38de536e95f548a0ca505d4a1153bd6f61ad
address | 5 Northfield Trail | fr | 5northfieldtrail | ac1e33478e938d7aaaa82063e61272912f28cc42ccdc037a53417d5d67b3ee45
address | 602 Orin Pass | in | 602orinpass | b390d1d29b7ce5b8e9162e769ee4692177c58bac2a1885e8e58341936bc21f81
address | 640 MARYLAND PLACE | us | 640marylandpl | f757696c116d023d7aeb5a3f530026008de341fe7cd7325c690d80843ae87d54
address | 70419 Monica Drive | ca | 70419monicadr | 5172a2c8cd4253cfbb342793aa21dd4ba556bfc6ce738429e7f3fe379491a428
address | 70906 Dexter Avenue | ca | 70906dexterave | f3ba98538759218f6c994f07469204195a6c191df27e3d9afff59998a9a736f6
address | 81 sommers crossing | gb | 81sommerscrossing | 96da5acc76c5d068fb736c8fca7ea0691a60d3280e417e1acfc3120d03bb143c
address | 8465 Helena Place | it | 8465helenapl | ee5b5f875c80dd5337a8f9e2208bb047f1c546bd5b5ae4719fea3108acb8eff3
address | 8481 Beilfuss Park | ca | 8481beilfusspark | b4f255ce8473d0a11f10a6ef7145bea6ffd0b8e6141bf9e7ec5571774c70ae14
address | 9030 Oakridge Lane | es | 9030oakridgeln | 5009f742e73b906b6149996d98a25d18b285d4821d81333502601552849a12b6
city | Agraharam | in | agraharam | d4731f8ddc2174055280f532883335a4998a03a9151da1a5d4ccf720dbcd2be5
city | Angoulême | fr | angoulme | 127b7ea02825b852b9dd9e7404f120e6d81969e14a2b6ddb369e681565e0b690
city | Church End | gb | churchend | 4f6f7346abc7a876934fb5c0cd0926f5e82697df44fa1aa5911ef04d45e55d2b
city | Frankfurt am Main | de | frankfurtammain | 825051ba993e21e15aa1f6f0d63513532c76df19302521b0a339009429693b71
city | Las Vegas | us | lasvegas | fb12bb6e5802257873a301ccdfed71411543a6288cd453d5a5524821e970272f
city | Ludwigshafen am Rhein | de | ludwigshafenamrhein | 7286098b8b0a5c8fce67245e198a85eb79a4dbbaa4f9d0b82182a59c2d21a68b
city | Miyakonojō | jp | miyakonoj | 1e700a6f35694daf405eccb5fa44c303305684c700f369a6e4716e40aeea8124
city | Méru | fr | mru | a3d2ada016cae1d388e725e6f9fa5bf966b2376268bbfdd415fbc3ac6bc74673
city | München | de | mnchen | ea3defc658f796efc039e19098dcb38fde17fe80827f6b4f04073991369d5319
city | New Hyde Park | us | newhydepark | 8b79089db135dc8ab5d524e69b108f98857fc080ee5c810d74431cd37dadc392
city | Nürnberg | de | nrnberg | 14c7790827518d4da246c193f630c0bdd3b25ce9ffc8563d26548adc7c7e2e38
city | Palmas De Gran Canaria, Las | es | palmasdegrancanarialas | e881cce4234fb1189c4899850b98ff96cac0bd15baafa750a57c6991ac4fe8e2
city | Pontevedra | es | pontevedra | 72e102a46c41401e6974715e49a2c56bbbf88ce4baa14bfbc790656c743e5284
city | Prévost | ca | prvost | 69dd712db78c50cfbd3073bc8a8e31dcf753b14165339fb5e538f6cd63adfd85
city | Rueil-Malmaison | fr | rueilmalmaison | a55e83a627143e7d51b71329196031f5867e532fba2304c53a1d63da9a239164
city | Tournan-en-Brie | fr | tournanenbrie | 5a2de9932a58b77e0cf4e82dcf71eaec53e1ccfb22789901ab60df207988a711
city | Vitoria-Gasteiz | es | vitoriagasteiz | d6dfae74e26aaa422ed6b2d4a624458ab1c0a9fb54d1e45f71b2db2de67fabad
city | West End | gb | westend | 94d075eb40cf5d9301a1594b6d075b32ba1b8b35dcc3bd58f08df0e53a0e3053
city | Weston | gb | weston | 9058aa3ff37e12d036accd5f135329e6f0457c6fb086a3e8af06181861d6e9d7
city | Ōtsuchi | jp | tsuchi | fe006d008c67bb1999b5d47c8043d0439cd600a6d51b8a661a59f51feb01b5ca
email | ckahen3r@uiuc.edu | jp | ckahen3r@uiuc.edu | 65ba55320582c1d70a6d6f7c36afca20946d504dc55e27321e82aa2da2991e57
email | ekleemanp@ucsd.edu | it | ekleemanp@ucsd.edu | 2f7c9f6721348c3932073b81262f1cf97366e1f4607acdb5ea34525ffe6deb51
email | fpavolini6e@engadget.com | us | fpavolini6e@engadget.com | 4e2b9a90536cb7edb705fbd8d4af3fef0943ac78628f29c2f13ea475aabe890e
email | nupstell6i@eepurl.com | es | nupstell6i@eepurl.com | c03437491be3cdae889d0ce32f341789e83024059a8f4de3b3f57f1bf13ec1bb
first_name | Anne-corinne | de | annecorinne | 23d43bcccad269e4ecbadf57eff1f8ca9d6ffa492aa80634880f3b19b19f577b
first_name | Bette-ann | fr | betteann | 91c1e8df59615a76e15283dced23a1bec0e167e81e5b566e03e75c73e8e80480
first_name | Darbie | ca | darbie | ab05afe2e160c6a040804495af7668d059b2af7a707bbaeb103a6caf2cbfc0ff
first_name | De witt | fr | dewitt | 1d86aa1b2afbc85305218322fbe199ecdcbb9f0d23d42203f5817e85f7accc6c
first_name | Dee dee | es | deedee | 5fdb63561d5d9a409280a050f72f914e0568096bca53bffd83faf3ff242bfa67
first_name | Diane-marie | de | dianemarie | 5463e4571add0171af7ce6aa1696220634a493c30bfc9dc91c68fa10631a168f
first_name | Gregorio | fr | gregorio | 2d8d3f3a0f06b516626d36b54a9197ba38d711580f8d6e2d88d64748e8839311
first_name | Harald | es | harald | 42db918fc5b131df622630362b1f61b9b16bef2381556399b98695bb9a2373f9
first_name | Jo ann | ca | joann | cb8958f351eb2f240aa03fc39a3c187ef4de57e457076023869bc552f9b8eece
first_name | La verne | es | laverne | b3d1a7f15b4dd9d3f3eb5fb0059b92460b1f5157890c79670d6a9d00e4b33a7d
first_name | Miof mela | es | miofmela | 7fdab5048225526ffeef8a36280b64384078d9f9e0cda3a257b9843bfd301c4c
first_name | Sheila-kathryn | gb | sheilakathryn | 2696ee2cde589352cbc8bd368aa18b06761577e237db7f1c2c4ab64f8a670651
last_name | Biggans | jp | biggans | 50392aafdcb36a7cfb3d0f8a3e40dc9bb42e9bf56b4586b00b3b377a57f32e70
last_name | De Ambrosis | es | deambrosis | 90231a1efd8f355a6a3ca019fd09c03ed9b714a87b1f5439ef6a70afe013a414
last_name | De Maine | jp | demaine | 1a4a11232a64f72db3d690c5e674d77a6dea31e3a132c8300c63d864515d9fbd
last_name | Dearle-Palser | us | dearlepalser | 7b1fc9d88ff911386a44dc5f218ccffadd03261b35ddd79c7373016c47bc76f6
last_name | Del Checolo | it | delchecolo | dd95c15feb302183371b2df09f8df7c59f898733d2cb0faecdcdcca465ca1d31
last_name | Del Dello | jp | deldello | 80cfa344fc054fe035a38a5acd3b2cd53dcd1c0ab729931d615cb83dd77eda79
last_name | Ellson | es | ellson | bb0dbe9e0899093a8a99ee54e3fd02be80eed7c8b1f0dd7b97bbb38a6c4a8c8f
last_name | Le Gall | fr | legall | 0eda68d1cd0062750c1839b1d04c43634323db003e4cfdd358932e40d7e86c02
last_name | Le Gallo | gb | legallo | 683a44b0c859aff7e19c57f35d2355a2a9b6a1feef52b4c27bf7a95975c50350
last_name | Le Grand | gb | legrand | c29689bb610b9bbe89541267da01bfe86d0a566fcc38105c2411ca2ba9bd8fc5
last_name | Luttger | ca | luttger | 267f303c5a5a10cf4e1fff051318298bc3f58132657d60961e6ad9e2808d7942
last_name | Mc Ilory | us | mcilory | 13de1e2f1560602fb839ef028c56bfb8002928237bbf56bcf8dac95de5dcc0ac
last_name | O' Cuolahan | de | ocuolahan | 4ac44d84cecee6a6fd1a819a7b12bb71fbd5273546a2daa97e40d54075858882
last_name | O' Markey | de | omarkey | 18eb87bcf9bbd26cdc9b19dd70b1ea7310ee3a59dfe2043868c900b035b6a7d5
last_name | O' Scallan | in | oscallan | 67dd210901f3c7f014f48f9cec1b37b8a8f794ec7f2b422d13eb9b69cdefe1d7
last_name | O'Day | us | oday | 07ff2e60451d921245326b046ac86ff9847ba0152c77eeb10df11f0c922a22cd
last_name | O'Doogan | de | odoogan | 2c13aebc0a1034e196bd9458e3616faac37f28c79157e4278229852a3bff55c0
last_name | O'Kane | es | okane | e788724ddab29deea454c2fec20764086cd1c3ee02a17a71720d62b8c2447035
last_name | Picken | in | picken | c154bfc66ba9864b7a52018f1ee21c560ac9dcee84cd465791a1f5a6564d3528
last_name | Sainsbury-Brown | ca | sainsburybrown | 4738288be65ee957b7e3150cbdc833dc5db260cbfa73a829798d25a933695993
last_name | St. Hill | es | sthill | 7f92fc35ff037da7d3661d0bb8323d2722372af24a25edc242d9fc734d01face
last_name | Stidson | it | stidson | e302593a1fe3cb794b259d7ac1cbe7cf150d3ec6a3febf50a217406fa9873088
phone | +1 (310) 317-7872 | ca | 13103177872 | 7bf6a3d67b34381e73f8b26a4aab0fd1d4c313e79cacd9878643428beeb249bd
phone | +1 (312) 947-5907 | us | 13129475907 | c2f6b2530a23d65ad795aefa7c4cff918b9aa40c3df5a2953125e032cbf47641
phone | +1 (836) 286-9066 | ca | 18362869066 | 13920ef15058d5890098db445dbf37f6ab890a5e4ff4aafab523941fba92c55b
phone | +1 599 760 3661 | ca | 15997603661 | 1b7a523c4660d307781afaa881a8b7ed3635be01ae8252aa9d10fe3ec2dcb954
phone | +1 940 481 8132 | us | 19404818132 | cb76e18a596361842208713c2a5b544877808ba754e616a2064712bab25a06c9
state | Comunidad Valenciana | es | co | c330ec504d82c24fcd10be978fa74b8a3185a8df719604a85443bb9ca279f5a2
state | Madrid | es | m | 62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a
state | Nordrhein-Westfalen | de | no | 9390298f3fb0c5b160498935d79cb139aef28e1c47358b4bbba61862b9c26e59
state | OHIO | us | oh | cf04119a706e2c45f587f799676a22b234f349f260e293920a04bdd8e71d73bb
state | Poitou-Charentes | fr | pt | e75b11da693d7bb5273985dcf9f02729455da7e7c80e54a0615e00ec2ae76d8e
state | Sachsen-Anhalt | de | sa | 4cf6829aa93728e8f3c97df913fb1bfa95fe5810e2933a05943f8312a98d9cf2
state | california | us | ca | 6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126
state | nv | us | nv | b3c51f8a64fa28ac50ec1233d1178413cc04536d4ae21bb290ffc8d053074456
postal_code | 532663 | in | 532663 | 8f301f94ee6c3b70543464d31a8380f19df3914704422f977c5beda7827b2beb
postal_code | 57124 | it | 57124 | 13d31b515b07ecd298bb80d58b9a74b88cdfe5044035cd8e082bff0d722802f7
postal_code | 675-1324 | jp | 6751324 | 7b568f0a43c010a24c8183629955368c05273c3419d128d40d6fa8fbe4b50c12
postal_code | 689-2352 | jp | 6892352 | d9ef7ab39131a9a79721883185688f45b41b5952dd267907e3d4b6a3ac15a37d
postal_code | 754-0021 | jp | 7540021 | ac2c721de9245c6d71ce2505b6f04c80b49ae110ffe10d374da852751eea502c
postal_code | 84072 CEDEX 4 | fr | 84072 | 909c38ebf531da2732d7ac14fbcafb8315a2916d316df750c6451a2341711d4a
postal_code | 88514-8869 | us | 88514 | 44f57567ae6c0fd4b6d1d4ebcfa675cd46b3cbab6fa0840e83f249977f78258e
postal_code | 95973-1550 | us | 95973 | 15385c98179eb311f9417dbc3724db3f2d898f598322fab8ac877b8244e09cf8
postal_code | A111AA | gb | A111AA | 67e61e313a9b0e2c66499683ae2eca0675484566ded1d7e83b8c5e8689ca78ad
postal_code | A11AA | gb | A11AA | c4ef5b7f4702eaa1962ece290ae31a95b4c50346d6ec09c5c5bcf3961ffef101
postal_code | AA111AA | gb | AA111AA | 5058bbc1732b5a2997bf5a307363c0e6b7dee10e47dda94cbb7260278137d963
"""
ROWS = [tuple(cell.strip() for cell in line.split(" | ")) for line in AMAZON.strip().splitlines()]


@pytest.mark.parametrize("variant", ["adm", "amc"])
def test_every_sample_row_of_amazon_s_uploader_has_the_hash_that_amazon_publishes(variant):
    wrong = [
        (key, raw, country, found.normalised, normal)
        for key, raw, country, normal, expected in ROWS
        if (found := prepared("amazon", key, raw, country, variant)).written != expected or found.normalised != normal
    ]
    assert wrong == []
    assert len(ROWS) == 100


JANE = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
PERSON = "b375b7bbddb3de3298fbc7641063d9f03a38e118aa4480c8ab9f58740982e8bd"
SNAP_PHONE = "2fd199db6d3fa9fe754886ff1822f2867fcb104a6639495eca25c2978efe4ed4"
SNAP_DEVICE = "30a5154b77ab8b2ddbe19f5e7af72f33cc2a4a41f22940d965102650a1c72863"
CONTOSO = "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101"


@pytest.mark.parametrize(
    "vector",
    [
        # TikTok: its help page; the phone is printed with its plus and hashed without.
        ("tiktok", None, "email", "  JaneDoe @Gmail.com", None, JANE),
        ("tiktok", "file", "email", "janedoe@gmail.com", None, JANE),
        ("tiktok", "stream", "phone", "+1 (657) 777-0000", "us", "a6e82c2f4091baff57a4f33d01efb65bfbeacbbfbcfaa9d0ff9f57d28d78fedb"),
        ("tiktok", "file", "phone", "374-93-828222", "am", "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4"),
        # Snap: the tests of Segment's connector.
        ("snapchat", None, "email", "Person@email.com", None, PERSON),
        ("snapchat", None, "email", "Person@email.com ", None, PERSON),
        ("snapchat", None, "mobile_ad_id", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", None, SNAP_DEVICE),
        ("snapchat", None, "mobile_ad_id", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", None, SNAP_DEVICE),
        ("snapchat", None, "phone", "+1(706)-767-5127", "us", SNAP_PHONE),
        ("snapchat", None, "phone", "001(706)-767-5127", "us", SNAP_PHONE),
        ("snapchat", None, "phone", "01(706)-767-5127", "us", SNAP_PHONE),
        # LinkedIn: the tests of Segment's connector.
        ("linkedin", None, "email", "testing@testing.com", None, "584c4423c421df49955759498a71495aba49b8780eb9387dff333b6f0982c777"),
        # Microsoft: computed, and the tests of Segment's connector.
        ("microsoft_ads", None, "email", " Test@Contoso.com", None, CONTOSO),
        ("microsoft_ads", None, "email", "one@segment.com", None, "fa0779840f54498c090fcd179780c15a101115a62dbfe245169885dd9b2504d8"),
        ("microsoft_ads", None, "email", "two@segment.com", None, "8c45724ef458e6667e3e243a86c1a808a397b603840324218c47688ef12b2f28"),
        # Pinterest: an address of its specification, computed.
        ("pinterest", None, "email", "Email1@Pinterest.com ", None, "0ec4458f6af7af1768298c049cb495a9ef24bdb245f81774e6e17936187f336c"),
        # Reddit: its page on the Conversions API.
        ("reddit", None, "email", "Al.ice$+Apple@Example.Com", None, "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"),
        # X: the example of its documentation.
        ("x_ads", None, "email", "abc@twitter.com", None, "4798b8bbdcf6f2a52e527f46a3d7a7c9aefb541afda03af79c74809ecc6376f3"),
        ("x_ads", None, "handle", "@AdsAPI", None, "49e0be2aeccfb51a8dee4c945c8a70a9ac500cf6f5cb08112575f74db9b1470d"),
        # Criteo: its documentation of Commerce Grid.
        ("criteo", None, "email", "john.doe@gmail.com", None, "375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef"),
        ("criteo", "md5", "email", "John.Doe@gmail.com", None, "e13743a7f1db7f4246badd6fd6ff54ff"),
        # Yahoo and LiveRamp: the tests of Segment's connectors.
        ("yahoo_dsp", None, "email", "bugsbunny@warnerbros.com", None, "67e28cdcc3e845d3a4da05ca9fe5ddb7320a83b4cc2167f0555a3b04f63511e3"),
        ("liveramp", None, "email", "test@example.com", None, "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"),
        # UID2: its documentation.
        ("the_trade_desk", None, "email", "MYEMAIL@example.com", None, "FsGNM28LJQ8OLZB0Us65ZYp07NrovJSGTCMSKnLMJ6U="),
        ("the_trade_desk", None, "email", "My.Email@example.com", None, "4itTvG+HEnTzpiqzejyu1yFPwU1nYhWpaiQvz62hyB8="),
        ("the_trade_desk", "crm", "email", "JaneSaoirse+Work@gmail.com", None, "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="),
        ("the_trade_desk", None, "phone", "1 (234) 567-8901", None, "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="),
        # Meta: the parts of a date, each in a field of its own.
        ("meta", None, "birth_day", "4", None, "6cd5b6e51936a442b973660c21553dd22bd72ddc8751132a943475288113b4c0"),
        ("meta", None, "birth_year", "1985", None, "78e370b587b145920213731b7c7c725e512b3b6577c51c800218a7c764c532ae"),
    ],
)  # fmt: skip
def test_a_published_vector_is_what_the_platform_is_sent(vector):
    destination, variant, key, raw, country, expected = vector
    found = prepared(destination, key, raw, country, variant)
    assert (found.written, found.reason) == (expected, None)


def test_the_digest_in_microsoft_s_documentation_is_not_that_of_the_address_beside_it():
    printed = "a8e34c39d390c30c3ff245256c46c7076cecb7dfcfd60f7534d1037e901fad76"
    assert hashlib.sha256(b"test@contoso.com").hexdigest() == CONTOSO != printed


def of(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


@pytest.mark.parametrize(
    "vector",
    [
        ("criteo", "sha256_of_md5", {}, "email", "john.doe@gmail.com", of("sha256", "e13743a7f1db7f4246badd6fd6ff54ff")),
        ("criteo", "plain", {}, "email", " John.Doe@gmail.com", "john.doe@gmail.com"),
        ("criteo", None, {}, "phone", "098765 43210", of("sha256", "+919876543210")),
        ("linkedin", None, {"email_digest": "sha512"}, "email", "A b@x.com", of("sha512", "ab@x.com")),
        ("liveramp", "sha1", {}, "email", "MyName@liveramp.com ", of("sha1", "myname@liveramp.com")),
        ("liveramp", "md5", {}, "email", "MyName@liveramp.com ", of("md5", "myname@liveramp.com")),
        ("tiktok", None, {"phone_plus": "without"}, "phone", "+16577770000", of("sha256", "16577770000")),
        ("tiktok", "file", {"mobile_ad_id_digest": "md5"}, "mobile_ad_id", "AECE52E7-03EE-455A-B3C4-E57283966239", of("md5", "aece52e7-03ee-455a-b3c4-e57283966239")),
        ("tiktok", None, {"email_tag": "folded"}, "email", "j.ane+x@y.com", of("sha256", "jane@y.com")),
        ("reddit", None, {"email_characters": "dots_only"}, "email", "a_b.c+d@x.com", of("sha256", "a_bc@x.com")),
        ("reddit", None, {}, "mobile_ad_id", "AECE52E7-03EE-455A-B3C4-E57283966239", of("sha256", "AECE52E7-03EE-455A-B3C4-E57283966239")),
        ("amazon", None, {"email_symbols": "kept"}, "email", "a+b@x.com", of("sha256", "a+b@x.com")),
        ("amazon", "amc", {}, "email", "a+b@x.com", of("sha256", "ab@x.com")),
        ("amazon", "amc", {"state_codes": "iso"}, "state", "Nordrhein-Westfalen", of("sha256", "nw")),
        ("amazon", "amc", {}, "state", "Baden-Württemberg", of("sha256", "bw")),
        ("amazon", "amc", {}, "external_id", "u_81f2", "u_81f2"),
        ("google", None, {"name_punctuation": "removed"}, "last_name", "O'Brien", of("sha256", "obrien")),
        ("google", None, {}, "ip", "2001:DB8::1", "2001:db8::1"),
        ("meta", None, {}, "first_initial", "Élodie", of("sha256", "é")),
        ("yahoo_dsp", "traffic", {}, "ip", "203.0.113.7", of("sha256", "203.0.113.7")),
        ("linkedin", None, {}, "first_name", " Anne-Marie ", "Anne-Marie"),
    ],
)  # fmt: skip
def test_alternatives_and_settings_are_what_the_platform_s_text_says(vector):
    destination, variant, settings, key, raw, expected = vector
    match_key = MatchKey(key)
    sent = route(destination, variant).sent(settings)[match_key]
    country = "in" if destination == "criteo" else "de"
    assert prepare(match_key, sent, raw, country).written == expected


def test_a_source_s_own_digest_is_spelled_as_the_platform_wants_it_and_never_made_another():
    own = hashlib.sha256(b"jane@example.com")
    assert prepared("google", "email", own.hexdigest().upper()).written == own.hexdigest()
    in_base64 = prepared("the_trade_desk", "email", own.hexdigest())
    assert (in_base64.written, in_base64.normalised, in_base64.already_hashed) == (
        base64.b64encode(own.digest()).decode(),
        None,
        True,
    )
    for destination, variant in (("criteo", "md5"), ("criteo", "plain"), ("liveramp", "sha1")):
        found = prepared(destination, "email", own.hexdigest(), None, variant)
        assert (found.written, found.reason) == (None, Reason.HASHED_WHERE_PLAIN_IS_NEEDED)


def test_a_phone_that_a_platform_takes_from_one_country_only_is_refused_elsewhere():
    assert prepared("liveramp", "phone", "+44 7911 123456").reason is Reason.UNSUPPORTED_COUNTRY
    assert prepared("criteo", "phone", "+44 7911 123456").reason is Reason.UNSUPPORTED_COUNTRY
