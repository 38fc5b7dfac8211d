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
# Python with the pinned libraries of tests/python; the link is where tests look, the folder has the pins' hash.
python_pins=$rig_home/../../tests/python/requirements.txt
python_home=$cache/python-$(sha256sum "$python_pins" | cut -c 1-12)
python_link=$cache/python

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
