//! Manifests: any bytes are one or an error; one that was read is written as it is read
//! again, can be shown, and can be called by any arguments.

use arbitrary::Unstructured;
use farside_protocol::manifest::Manifest;
use farside_protocol::outline;
use farside_protocol::value::{check_arguments, scan};

/// A manifest's bytes, and arguments for each of its functions.
///
/// # Panics
/// When a manifest comes back as another one, or arguments are put in order wrongly.
pub fn manifest(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(arguments) = u.arbitrary::<&[u8]>() else { return };
    let bytes = u.peek_bytes(u.len()).unwrap_or_default();
    // As the compiler does: what is nested too deep is never decoded.
    if scan(bytes).is_err() {
        return;
    }
    let Ok(manifest) = outline::decode::<Manifest>(bytes) else { return };
    let written =
        outline::encode(&manifest).unwrap_or_else(|error| panic!("it can't be written: {error}"));
    let again: Manifest =
        outline::decode(&written).unwrap_or_else(|error| panic!("it can't be read: {error}"));
    assert_eq!(again, manifest);
    let are_a_value = scan(arguments).is_ok();
    for function in &manifest.functions {
        let _shown = function.result.to_string();
        function.params.iter().for_each(|param| drop(param.schema.to_string()));
        if are_a_value && let Ok(Some(in_order)) = check_arguments(function, arguments) {
            assert!(scan(&in_order).is_ok(), "{in_order:02x?}");
            assert_eq!(check_arguments(function, &in_order).ok(), Some(None), "{in_order:02x?}");
        }
    }
}
