# Sourced by ./run and ./test: a Python 3.11 environment made of one hashed lock.
#
# The stamp holds the lock's hash: while it is right, neither pip nor the network is touched.
# An environment made of the larger lock (dev) serves the smaller one (demo) too, when both stamps
# are there.

kyufu_find_python() {
    local candidate
    for candidate in "${KYUFU_PYTHON:-}" python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "kyufu: Python 3.11 is missing: install it (apt-get install python3.11 python3.11-venv / brew install python@3.11), or name one with KYUFU_PYTHON" >&2
    return 2
}

kyufu_hash() {
    "$1" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$2"
}

# $1: root of the clone, $2: demo or dev
kyufu_environment() {
    local root=$1 lock="$1/requirements/$2.txt" stamp="$1/.venv/kyufu-$2.stamp" python hash
    if [ -x "$root/.venv/bin/python" ]; then
        python="$root/.venv/bin/python"
        "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || {
            echo "kyufu: .venv is not a working Python 3.11 environment: remove $root/.venv and start again" >&2
            return 2
        }
    else
        python=$(kyufu_find_python) || return 2
        echo "kyufu: making .venv with $python" >&2
        "$python" -m venv "$root/.venv" >&2 || {
            rm -rf "$root/.venv"
            echo "kyufu: .venv could not be made: Python's venv module is missing (apt-get install python3.11-venv)" >&2
            return 2
        }
        python="$root/.venv/bin/python"
    fi
    hash=$(kyufu_hash "$python" "$lock") || return 2
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return 0
    echo "kyufu: installing requirements/$2.txt into .venv (once; every hash is checked)" >&2
    "$python" -m pip install --disable-pip-version-check --no-input --quiet --progress-bar on \
        --require-hashes --only-binary :all: --requirement "$lock" >&2 || {
        echo "kyufu: the packages could not be installed: look at pip's lines above (network, disk, or your pip settings)" >&2
        return 2
    }
    rm -f "$root"/.venv/kyufu-*.stamp
    echo "$hash" >"$stamp"
    # The larger lock holds the smaller one, so what is installed now serves both.
    [ "$2" = dev ] && kyufu_hash "$python" "$root/requirements/demo.txt" >"$root/.venv/kyufu-demo.stamp"
    return 0
}
