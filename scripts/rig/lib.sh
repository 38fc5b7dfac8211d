# shellcheck shell=bash
# What scripts/rig/* share: where downloads live, which versions, and how to speak. Sourced, never run.

# shellcheck disable=SC2034 # used by the scripts that source this file
rig_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FULFILLMENT_RIG_CACHE:-$HOME/.cache/fulfillment-rig}

kafka_jars=$cache/kafka-4.3.0
versitygw_version=v1.8.0
versitygw=$cache/versitygw-$versitygw_version
verapdf_jars=$cache/verapdf-1.28.2
azurite_version=3.37.0
azurite=$cache/azurite-$azurite_version
# Where the tests look for a Python with the libraries that tests/python names, and for one with schemathesis.
python_link=$cache/python
schemathesis_link=$cache/schemathesis

all_servers=kafka,postgres,s3,azurite

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-1}"
}

# wants NAME: is NAME in the comma-separated list $only, which the script that sources this file sets?
# shellcheck disable=SC2154
wants() { [[ ,$only, == *,$1,* ]]; }

# known LIST ALLOWED: ends the script when LIST names something that ALLOWED does not.
known() {
  local name
  for name in ${1//,/ }; do
    [[ ,$2, == *,$name,* ]] || fail "no server is called '$name'; there are: ${2//,/, }" 2
  done
}

millis() { printf '%s' "$(($(date +%s%N) / 1000000))"; }

# The folder of PostgreSQL's server programs: Debian keeps them off the PATH. Empty when there is none.
postgres_bin() {
  local found
  found=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_ctl | sort -V | tail -n 1)
  [[ -x $found ]] || found=$(command -v pg_ctl || true)
  [[ -z $found ]] || dirname "$found"
}

# python_with PINS: the python3 of a virtual environment with exactly the packages of a requirements file, made
# in the cache where it is missing.
python_with() {
  local home new
  home=$cache/python-$(sha256sum "$1" | cut -c 1-12)
  if [[ ! -d $home ]]; then
    echo "fetching the Python libraries of $(dirname "$1")" >&2
    new=$cache/.new-$(basename "$home")
    rm -rf "$new"
    # Its python3 may be moved; the scripts beside it may not, and are not used.
    python3 -m venv "$new" >&2 || fail "python3 could not make a virtual environment" 2
    "$new/bin/python3" -m pip install -q --disable-pip-version-check --no-deps -r "$1" </dev/null >&2 ||
      fail "pip could not fetch what $1 names" 2
    mv "$new" "$home"
  fi
  printf '%s' "$home/bin/python3"
}

# node_with FOLDER: a copy of a folder with a package-lock.json, with exactly its packages, made in the cache where it
# is missing.
node_with() {
  local home new
  home=$cache/node-$(cat "$1"/*.js* | sha256sum | cut -c 1-12)
  if [[ ! -d $home ]]; then
    echo "fetching the Node packages of $1" >&2
    new=$cache/.new-$(basename "$home")
    rm -rf "$new"
    mkdir -p "$cache"
    cp -r "$1" "$new"
    npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$new" </dev/null >&2 ||
      fail "npm could not fetch what $1 names" 2
    mv "$new" "$home"
  fi
  printf '%s' "$home"
}
