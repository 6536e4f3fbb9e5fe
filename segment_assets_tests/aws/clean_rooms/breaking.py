"""An object store for pyarrow whose reads break as often as a test says."""

from __future__ import annotations

import dataclasses
import io

import pyarrow as pa
from pyarrow import fs as pafs


@dataclasses.dataclass(eq=False)
class Breaking(pafs.FileSystemHandler):
    """An object that is open breaks with `error` after `whole` bytes of it were read, `left` times."""

    objects: dict[str, bytes]
    error: OSError
    whole: int = 0
    left: int = 1
    opened: int = 0

    def get_file_info(self, paths: list[str]) -> list[pafs.FileInfo]:
        return [
            pafs.FileInfo(path, pafs.FileType.File, size=len(self.objects[path]))
            if path in self.objects
            else pafs.FileInfo(path, pafs.FileType.Directory)
            for path in paths
        ]

    def get_file_info_selector(self, selector: pafs.FileSelector) -> list[pafs.FileInfo]:
        return self.get_file_info([path for path in self.objects if path.startswith(f"{selector.base_dir}/")])

    def open_input_file(self, path: str) -> pa.NativeFile:
        self.opened += 1
        return pa.PythonFile(_Body(self, self.objects[path]), mode="r")

    open_input_stream = open_input_file

    def get_type_name(self) -> str:
        return "breaking"

    def normalize_path(self, path: str) -> str:
        return path

    def _not_here(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    create_dir = delete_dir = delete_dir_contents = delete_file = delete_root_dir_contents = _not_here
    copy_file = move = open_append_stream = open_output_stream = _not_here


class _Body(io.BytesIO):
    def __init__(self, store: Breaking, body: bytes) -> None:
        super().__init__(body)
        self._store = store
        self._given = 0

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        self._given += len(part)
        if self._given > self._store.whole and self._store.left:
            self._store.left -= 1
            raise self._store.error
        return part
