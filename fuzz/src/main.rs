//! One parser under libFuzzer: the one that the environment names, `PARSER=query`.
//!
//! What it must hold is in `shared/src/fuzz/`.

#![no_main]

use std::sync::LazyLock;

use juncture::fuzz::TARGETS;
use libfuzzer_sys::fuzz_target;

static PARSER: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("PARSER").unwrap_or_default();
    let known = TARGETS.iter().find(|(name, _)| *name == wanted);
    known.map_or_else(
        || panic!("PARSER={wanted} is none of {:?}", TARGETS.map(|(name, _)| name)),
        |(_, parser)| *parser,
    )
});

fuzz_target!(|data: &[u8]| PARSER(data));
