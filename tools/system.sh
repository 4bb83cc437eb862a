#!/bin/sh
# What the tests need of the system: a C compiler for the decoder in clients/c.
set -eu
if ! command -v cc >/dev/null && ! command -v gcc >/dev/null; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends gcc libc6-dev
    else
        echo "no C compiler: the tests of clients/c are left out (install gcc to run them)" >&2
    fi
fi
