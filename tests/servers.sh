#!/usr/bin/env bash
# Makes a MariaDB and a MySQL server program available for the lab and the tests, and prints where they are. Tests of
# the screens also need tmux.
#
# Idempotent: what is there is kept. MariaDB comes from the machine's own packages. MySQL is unpacked into the cache with
# every library it needs, next to the system and never into it. As an ordinary user both are unpacked into the cache.
# Downloads come from the mirror that this machine's apt is already set up to use.
set -euo pipefail

cache="${COUNTERSIGN_LAB_CACHE:-$HOME/.cache/countersign-lab}"
mariadb_packages=(mariadb-server-core mariadb-client-core)
machine="$(uname -m)"
log="$cache/servers.log"

fail() {
    printf 'servers.sh: %s\n' "$1" >&2
    exit 1
}

# One sentence at the end is what a person needs; the rest is in the log.
quietly() {
    "$@" >>"$log" 2>&1
}

# True when the program $1 answers `--version` as the flavor $2.
answers_as() {
    local version
    version="$("$1" --version 2>/dev/null)" || return 1
    case "$version" in
    *Ver*MariaDB*) [ "$2" = mariadb ] ;;
    *Ver*) [ "$2" = mysql ] ;;
    *) return 1 ;;
    esac
}

# Prints the first server program of flavor $1: from the variable $2, from PATH, from the cache.
find_server() {
    local flavor="$1" variable="$2" candidate
    candidate="${!variable:-}"
    if [ -n "$candidate" ]; then
        answers_as "$candidate" "$flavor" || fail "$variable is \`$candidate\`, which does not answer --version as $flavor: point it at a server program or unset it"
        printf '%s\n' "$candidate"
        return 0
    fi
    for name in mariadbd mysqld; do
        for candidate in "$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$name" || true)" "$cache/$flavor/bin/$name"; do
            if [ -n "$candidate" ] && answers_as "$candidate" "$flavor"; then
                printf '%s\n' "$candidate"
                return 0
            fi
        done
    done
    return 1
}

# Prints "URI SUITE" of the main archive that apt is set up for.
mirror() {
    local codename
    codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk -v codename="$codename" '($2 == codename || $2 == "stable" || $2 == "sid" || $2 == "unstable" || $2 == "testing") && $3 == "main" { print $1, $2; exit }'
}

# Writes an apt configuration that knows one suite and an empty system, so that everything down to libc is resolved.
private_apt() {
    local dir="$1" uri="$2" suite="$3" options=""
    mkdir -p "$dir"/{lists/partial,archives/partial,state}
    : >"$dir/state/status"
    [ -r /usr/share/keyrings/debian-archive-keyring.gpg ] && options="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    [ -r /usr/share/keyrings/ubuntu-archive-keyring.gpg ] && options="[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]"
    printf 'deb %s %s %s main\n' "$options" "$uri" "$suite" >"$dir/sources.list"
    cat >"$dir/apt.conf" <<CONF
Dir::State "$dir/state";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/state/status";
Dir::Cache "$dir";
Dir::Cache::archives "$dir/archives";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Acquire::Retries "3";
Acquire::Languages "none";
CONF
}

# Unpacks the packages that match the patterns $4.. of suite $3 with all they need into $1/root.
unpack_closure() {
    local dir="$1" uri="$2" suite="$3" apt="$1/apt" wanted=() known pattern match deb
    shift 3
    private_apt "$apt" "$uri" "$suite"
    APT_CONFIG="$apt/apt.conf" quietly apt-get update || return 1
    known="$(APT_CONFIG="$apt/apt.conf" apt-cache pkgnames)"
    for pattern in "$@"; do
        match="$(printf '%s\n' "$known" | grep -E "^$pattern\$" | sort -V | tail -n 1)" || return 1
        wanted+=("$match")
    done
    APT_CONFIG="$apt/apt.conf" quietly apt-get --download-only install "${wanted[@]}" || return 1
    mkdir -p "$dir/root"
    for deb in "$apt"/archives/*.deb; do
        quietly dpkg -x "$deb" "$dir/root" || return 1
    done
    rm -rf "$apt" "$dir"/root/usr/share/{doc,man,locale,info,lintian}
}

# Prints the loader of the unpacked C library.
loader_below() {
    find -L "$1/usr" "$1/lib" "$1/lib64" -maxdepth 3 -name 'ld-linux-*.so.*' -print 2>/dev/null | head -n 1
}

# Writes $1/bin/NAME for each program, which runs it with the unpacked libraries. `exec` keeps the process id, and the
# full path as argument zero keeps the server from taking another installation's folder for its own.
write_wrappers() {
    local dir="$1" final="$2" root="$2/root" loader program name options
    loader="$(loader_below "$dir/root")"
    [ -n "$loader" ] || return 1
    loader="$final/${loader#"$dir"/}"
    mkdir -p "$dir/bin"
    for program in "$dir"/root/usr/sbin/{mysqld,mariadbd} "$dir"/root/usr/bin/{mysql,mysqldump,mysqlbinlog,mysqladmin,mariadb,mariadb-dump,mariadb-binlog}; do
        [ -x "$program" ] && [ ! -L "$program" ] || continue
        name="$(basename "$program")"
        options=("--character-sets-dir=$root/usr/share/mysql/charsets")
        case "$name" in
        mysqld | mariadbd) options+=("--basedir=$root/usr" "--plugin-dir=$root/usr/lib/mysql/plugin" "--lc-messages-dir=$root/usr/share/mysql") ;;
        esac
        program="$final/${program#"$dir"/}"
        {
            printf '#!/bin/sh\nexec %q --library-path %q --argv0 %q %q "$@"' \
                "$loader" "$root/usr/lib/$machine-linux-gnu:$root/lib/$machine-linux-gnu" "$program" "$program"
            printf ' %q' "${options[@]}"
            echo
        } >"$dir/bin/$name"
        chmod 755 "$dir/bin/$name"
    done
}

# Unpacks flavor $1 from suite $2 into the cache, beside the final place, and moves it there when it is whole.
fetch() {
    local flavor="$1" suite="$2" uri own new="$cache/.new-$1-$$"
    shift 2
    read -r uri own < <(mirror) || true
    [ -n "${uri:-}" ] || return 1
    [ "$suite" = own ] && suite="$own"
    rm -rf "$new"
    mkdir -p "$new"
    if unpack_closure "$new" "$uri" "$suite" "$@" && write_wrappers "$new" "$cache/$flavor"; then
        rm -rf "${cache:?}/$flavor"
        mv "$new" "$cache/$flavor"
    else
        rm -rf "$new"
        return 1
    fi
}

# Installs MariaDB as a package without letting its service start: a policy-rc.d of our own says no meanwhile.
install_mariadb() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    quietly apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends mariadb-server || status=$?
    return "$status"
}

ensure_mariadb() {
    find_server mariadb COUNTERSIGN_MARIADBD >/dev/null && return
    if command -v apt-get >/dev/null; then
        if [ "$(id -u)" = 0 ]; then
            printf 'installing mariadb-server ...\n' >&2
            install_mariadb && return
        else
            printf 'unpacking MariaDB into %s ...\n' "$cache" >&2
            fetch mariadb own "${mariadb_packages[@]}" && return
        fi
    fi
    fail "no MariaDB server: install the package \`mariadb-server\` (10.6 or later), or set COUNTERSIGN_MARIADBD to a mariadbd program (details: $log)"
}

ensure_mysql() {
    local suite=own
    find_server mysql COUNTERSIGN_MYSQLD >/dev/null && return
    # Debian ships MySQL in its development suite only; others ship it in their own.
    [ "$(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-}")" = debian ] && suite=sid
    if command -v apt-get >/dev/null; then
        printf 'unpacking MySQL into %s ...\n' "$cache" >&2
        fetch mysql "$suite" 'mysql-server-core(-[0-9.]+)?' 'mysql-client-core(-[0-9.]+)?' && return
    fi
    fail "no MySQL server: install the package \`mysql-server\` (8.0 or later) of its maker, or set COUNTERSIGN_MYSQLD to a mysqld program (details: $log)"
}

# The tests of the screens draw on its terminals.
ensure_tmux() {
    command -v tmux >/dev/null && return
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        printf 'installing tmux ...\n' >&2
        quietly apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends tmux && return
    fi
    fail "no tmux: install the package \`tmux\` (details: $log)"
}

mkdir -p "$cache"
: >>"$log"
# Two test runs may start at once; the second waits and then finds everything in place.
if command -v flock >/dev/null; then
    exec 9>"$cache/.servers.lock"
    flock 9
fi
ensure_mariadb
ensure_mysql
ensure_tmux
for flavor in mariadb mysql; do
    variable=COUNTERSIGN_MARIADBD
    [ "$flavor" = mysql ] && variable=COUNTERSIGN_MYSQLD
    server="$(find_server "$flavor" "$variable")" || fail "the $flavor server was fetched but does not run: see $log"
    printf '%-8s %s (%s)\n' "$flavor" "$server" "$("$server" --version 2>/dev/null | sed 's/^.*Ver //; s/ for .*$//')"
done
