# shellcheck shell=bash
# How crates are built for wasm32-unknown-unknown. Sourced after lib.sh, never run.

wasm_target=wasm32-unknown-unknown
# shellcheck disable=SC2154 # lib.sh sets it
wasm_debian=$cache/debian-rustc

# Whether rustup's compiler has the target.
wasm_in_rustup() { [[ -d $(rustc --print sysroot)/lib/rustlib/$wasm_target/lib ]]; }

# wasm_fetch_debian: unpacks Debian's compiler for wasm in the cache, where it is missing.
wasm_fetch_debian() {
  local version release new llvm package
  [[ ! -d $wasm_debian ]] || return 0
  version=$(apt-cache policy rustc-web | sed -nE 's/^ *Candidate: //p')
  [[ -n $version && $version != '(none)' ]] || fail "apt-get knows no rustc-web; run apt-get update first" 2
  release=$(cut -d. -f1,2 <<<"$version")
  new=$cache/.new-debian-rustc
  rm -rf "$new"
  mkdir -p "$new/debs" "$new/root"
  llvm=$(apt-cache depends "libstd-rust-web-$release" | sed -nE 's/^ *Depends: (libllvm[0-9]+)$/\1/p')
  (cd "$new/debs" && apt-get -qq download "rustc-web=$version" "libstd-rust-web-$release=$version" \
    "libstd-rust-web-dev=$version" "rust-web-src=$version" "$llvm") || fail "apt-get could not fetch them" 2
  for package in "$new"/debs/*.deb; do dpkg -x "$package" "$new/root"; done
  mv "$new/root" "$wasm_debian"
  rm -r "$new"
}

# wasm_build WITH OPTIONS...: cargo build with these options, by the compiler of rustup or debian. Prints the folder
# that has debug/ or release/.
wasm_build() {
  local with=$1 out=${CARGO_TARGET_DIR:-$PWD/target}/wasm
  shift
  if [[ $with == rustup ]]; then
    cargo build --locked --target "$wasm_target" --target-dir "$out" "$@" || return
  else
    out=$out-debian
    (
      # Its linker for wasm is the one that rustup's compilers bring.
      linker=$(rustc +nightly --print sysroot)/lib/rustlib/$(rustc +nightly --print host-tuple)/bin/rust-lld
      libraries=$wasm_debian/usr/lib/$(uname -m)-linux-gnu
      export LD_LIBRARY_PATH=$libraries RUSTC=$wasm_debian/usr/bin/rustc RUSTC_BOOTSTRAP=1
      export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker
      cargo +nightly build --locked -Z 'build-std=std,panic_abort' --target "$wasm_target" --target-dir "$out" "$@"
    ) || return
  fi
  printf '%s' "$out/$wasm_target"
}
