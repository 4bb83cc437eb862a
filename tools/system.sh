#!/bin/sh
# What the tests need of the system: a C compiler for the decoder in clients/c, valgrind, which counts
# what a frame takes of the interpreter (benchmarks/instructions.py), Mosquitto, the broker of the hub's,
# Prometheus, which asks the hub's figures, nginx, which stands before the dashboard, and Chromium,
# which opens the dashboard's pages, with a font that has Chinese.
set -eu
missing=""
command -v cc >/dev/null || command -v gcc >/dev/null || missing="gcc libc6-dev"
# Debian keeps the broker where only root looks.
PATH="$PATH:/usr/sbin:/opt/homebrew/sbin" command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_sub >/dev/null || missing="$missing mosquitto-clients"
command -v prometheus >/dev/null || missing="$missing prometheus"
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$missing nginx"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium fonts-noto-cjk"
[ "$(uname -s)" != Linux ] || command -v valgrind >/dev/null || missing="$missing valgrind"
command -v mkfs.vfat >/dev/null || command -v /usr/sbin/mkfs.vfat >/dev/null || missing="$missing dosfstools"
command -v mcopy >/dev/null || missing="$missing mtools"
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        # Programs only: Debian starts mosquitto, nginx and prometheus as services at their installation.
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
            printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
            chmod 755 /usr/sbin/policy-rc.d
        fi
        apt-get update -qq
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing
        for service in mosquitto nginx prometheus; do
            case " $missing " in *" $service "*)
                if command -v systemctl >/dev/null; then systemctl disable -q "$service" || true; fi ;;
            esac
        done
    else
        echo "missing: $missing. The tests that need it are left out." >&2
    fi
fi
