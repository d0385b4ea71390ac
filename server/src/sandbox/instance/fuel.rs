//! What a call of a metered module executes, in fuel: about one for each instruction.
//! Fuel measures and does not limit; time and CPU time do that.

use wasmtime::Store;

use super::Instance;
use crate::sandbox::fault::Fault;
use crate::sandbox::host::Host;
use crate::sandbox::module::Module;

/// What a guest begins with. No guest uses it up: it would take centuries.
const FUEL: u64 = u64::MAX;

/// Gives a store of a metered module fuel, without which its guest traps.
pub(super) fn fill(store: &mut Store<Host>, module: &Module) -> Result<(), Fault> {
    if !module.is_metered() {
        return Ok(());
    }
    store.set_fuel(FUEL).map_err(|error| Fault::broken_contract(format!("no fuel: {error}")))
}

impl Instance {
    /// Begins to count anew, before a call.
    pub(super) fn refuel(&mut self) -> Result<(), Fault> {
        fill(&mut self.store, &self.module)
    }

    /// What was used since; none if it is not counted.
    pub(super) fn fuel_used(&self) -> Option<u64> {
        let left = self.module.is_metered().then(|| self.store.get_fuel().ok())??;
        Some(FUEL - left)
    }
}
