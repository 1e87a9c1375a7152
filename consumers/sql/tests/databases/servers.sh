#!/usr/bin/env bash
# Real database servers for the tests, as whoever runs them and without touching the machine.
#
#   servers.sh install postgresql|mariadb SDK
#     Finds the server on this machine, or unpacks Debian's packages of it below the folder SDK. If neither can be done,
#     the last line on standard error says why.
#   servers.sh run postgresql|mariadb SDK FOLDER
#     Serves a database `usher` for the user `usher` with the password `hush` on a socket in FOLDER, which keeps the data;
#     says `ready`, and stops when standard input is closed, however that comes about.
set -euo pipefail

command=$1 kind=$2 sdk=$3 folder=${4:-}
patience=300 # tenths of a second that a server has to start, and to stop

fail() {
    echo "$*" >&2
    exit 1
}

# The folder with the server's programs, this machine's before ours.
postgresql_programs() {
    local found
    for found in "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/postgres)")")" \
        /usr/lib/postgresql/*/bin /usr/local/pgsql/bin "$sdk"/postgresql/usr/lib/postgresql/*/bin; do
        if [ -x "$found/postgres" ] && [ -x "$found/initdb" ]; then echo "$found" && return; fi
    done
    return 1
}

mariadb_program() {
    local found
    for found in "$(command -v mariadbd || true)" /usr/sbin/mariadbd "$sdk/mariadb/usr/sbin/mariadbd"; do
        if [ -x "$found" ]; then echo "$found" && return; fi
    done
    return 1
}

# The libraries that a package needs. Not those that are part of every system, nor the compiler of PostgreSQL's JIT.
libraries_of() {
    apt-cache "${apt[@]}" depends --no-recommends --no-suggests "$1" |
        sed -n 's/^ *|\{0,1\}Depends: \(lib[^ <]*\)$/\1/p' | grep -vE '^(libc6|libgcc-s1|libstdc\+\+6|libllvm.*)$'
}

# Unpacks packages below a folder, all or none of them.
unpack() {
    local into=$1
    shift
    rm -rf "$into.new" && mkdir -p "$into.new/packages"
    (cd "$into.new/packages" && apt-get "${apt[@]}" -q download "$@" >&2) || return 1
    local package
    for package in "$into.new"/packages/*.deb; do dpkg -x "$package" "$into.new"; done
    rm -rf "$into.new/packages" "$into" && mv "$into.new" "$into"
}

# Lists of packages of our own, where the machine has none or is not ours to bring up to date.
own_lists() {
    mkdir -p "$sdk/apt/lists/partial" "$sdk/apt/cache/archives/partial"
    apt+=(-o "Dir::State::Lists=$sdk/apt/lists" -o "Dir::Cache=$sdk/apt/cache")
    apt-get "${apt[@]}" -q update >&2
}

packages() {
    case $kind in
    postgresql)
        local server
        server=$(apt-cache "${apt[@]}" depends postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p' | tail -1)
        [ -n "$server" ] && echo "$server" && libraries_of "$server"
        ;;
    mariadb)
        echo mariadb-server-core && libraries_of mariadb-server-core
        ;;
    esac
}

download() {
    local names
    names=$(packages) && unpack "$sdk/$kind" $names
}

install() {
    mkdir -p "$sdk"
    # One at a time: two test processes would unpack into the same folder.
    exec 9>"$sdk/$kind.lock" && flock --timeout 600 9 || fail "another test has been installing $kind for too long"
    is_there && return
    for program in apt-get apt-cache dpkg; do
        command -v "$program" >/dev/null || fail "$kind is not installed, and $program, to get it with, neither"
    done
    apt=(-o "APT::Sandbox::User=$(id -un)")
    download || { own_lists && download; } || fail "$kind is not installed, and its packages can't be had"
    is_there || fail "$kind: the packages do not hold what they should"
}

is_there() {
    case $kind in
    postgresql) postgresql_programs >/dev/null ;;
    mariadb) mariadb_program >/dev/null ;;
    *) fail "no such server: $kind" ;;
    esac
}

# What goes in front of a server's own program. PostgreSQL refuses to be root; and the libraries are where we have
# unpacked them, if we have. Words and no function, so that the server is the very process that is started.
prefix() {
    local libraries
    libraries=$(echo "$sdk/$kind"/usr/lib/*-linux-gnu "$sdk/$kind"/lib/*-linux-gnu | tr ' ' ':')
    somebody=()
    if [ "$(id -u)" = 0 ]; then
        chown 65534:65534 "$folder"
        somebody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    fi
    with=("${somebody[@]}" env -C "$folder" "HOME=$folder" LC_ALL=C "LD_LIBRARY_PATH=$libraries")
}

start_postgresql() {
    local programs
    programs=$(postgresql_programs)
    socket=$folder/.s.PGSQL.5432 stop=INT
    if [ ! -d "$folder/data" ]; then
        echo hush >"$folder/password" && chmod 644 "$folder/password"
        "${with[@]}" "$programs/initdb" -D "$folder/data" -U usher --pwfile="$folder/password" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1
        echo 'CREATE DATABASE usher' |
            "${with[@]}" "$programs/postgres" --single -D "$folder/data" postgres >>"$folder/initdb.log" 2>&1
    fi
    rm -f "$socket"
    "${with[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c jit=off \
        </dev/null >"$folder/server.log" 2>&1 &
}

start_mariadb() {
    local program share system
    program=$(mariadb_program)
    share=${program%/sbin/*}/share/mysql
    [ -d "$share" ] || share=${program%/sbin/*}/share/mariadb
    socket=$folder/mariadb.sock stop=TERM
    local options=(--no-defaults "--datadir=$folder/data" "--lc-messages-dir=$share" "--character-sets-dir=$share/charsets"
        --innodb-buffer-pool-size=16M --innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=0)
    if [ ! -d "$folder/data" ]; then
        "${somebody[@]}" mkdir "$folder/data"
        for system in "$share"/m*_system_tables.sql; do
            {
                printf '%s\n' 'CREATE DATABASE mysql;' 'USE mysql;' 'SET @auth_root_socket=NULL;'
                cat "$system" "${system%.sql}_data.sql"
                printf '%s\n' 'CREATE DATABASE usher;' 'FLUSH PRIVILEGES;' \
                    "CREATE USER usher@localhost IDENTIFIED BY 'hush';" \
                    'GRANT ALL ON *.* TO usher@localhost WITH GRANT OPTION;'
            } | "${with[@]}" "$program" "${options[@]}" --bootstrap >"$folder/bootstrap.log" 2>&1
        done
    fi
    rm -f "$socket"
    "${with[@]}" "$program" "${options[@]}" "--socket=$socket" "--pid-file=$folder/mariadb.pid" --skip-networking \
        </dev/null >"$folder/server.log" 2>&1 &
}

run() {
    prefix
    "start_$kind"
    server=$!
    # However we end, so does the server.
    trap 'kill -"$stop" "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
    local waited=0
    until [ -S "$socket" ]; do
        kill -0 "$server" 2>/dev/null || fail "$kind has not started: $(tail -3 "$folder/server.log")"
        [ "$waited" -lt "$patience" ] || fail "$kind has not started in time"
        waited=$((waited + 1))
        sleep 0.1
    done
    echo ready
    cat >/dev/null
}

case $command in
install) install ;;
run) run ;;
*) fail "no such command: $command" ;;
esac
