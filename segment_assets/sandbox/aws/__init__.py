"""Stand-ins for AWS services that no emulator has, each an HTTP server on loopback.

Belongs here: one package per service, validated by botocore's model of it. Not here: services that an emulator has.
"""
