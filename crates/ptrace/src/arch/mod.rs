//! What differs between processors, one module each.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::abi;
#[cfg(target_arch = "x86_64")]
pub use x86_64::abi;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!("Renacer knows x86-64 and aarch64; a new processor needs a module here and a system call table");

use renacer_events::Abi;

/// Calls that the tracer itself must understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// execve, execveat.
    Exec,
    /// fork, vfork: a new process.
    Fork,
    /// clone: flags in argument `flags`.
    Clone,
    /// clone3: flags in the structure that argument 0 points to.
    Clone3,
    /// prctl, which may rename the thread.
    Prctl,
    /// unshare, setns: children may get another pid namespace.
    Namespace,
    /// exit, exit_group: the thread's last call.
    Exit,
    /// setuid and its kin: the user changes.
    Identity,
    /// sched_setaffinity, sched_getaffinity: where threads may run.
    Affinity,
    /// seccomp, which may install a filter of the program's own.
    Seccomp,
}

/// The part that a call plays for the tracer; none for most calls.
pub fn role(abi: Abi, number: u64) -> Option<Role> {
    use Role::*;
    Some(match (abi, number) {
        (Abi::X86_64, 59 | 322) | (Abi::X32, 520 | 545) | (Abi::I386, 11 | 358) | (Abi::Aarch64, 221 | 281) => Exec,
        (Abi::X86_64 | Abi::X32, 57 | 58) | (Abi::I386, 2 | 190) => Fork,
        (Abi::X86_64 | Abi::X32, 56) | (Abi::I386, 120) | (Abi::Aarch64, 220) => Clone,
        (_, 435) => Clone3,
        (Abi::X86_64 | Abi::X32, 157) | (Abi::I386, 172) | (Abi::Aarch64, 167) => Prctl,
        (Abi::X86_64 | Abi::X32, 272 | 308) | (Abi::I386, 310 | 346) | (Abi::Aarch64, 97 | 268) => Namespace,
        (Abi::X86_64 | Abi::X32, 60 | 231) | (Abi::I386, 1 | 252) | (Abi::Aarch64, 93 | 94) => Exit,
        (Abi::X86_64 | Abi::X32, 105 | 113 | 117)
        | (Abi::I386, 23 | 70 | 164 | 203 | 208 | 213)
        | (Abi::Aarch64, 145..=147) => Identity,
        (Abi::X86_64 | Abi::X32, 317) | (Abi::I386, 354) | (Abi::Aarch64, 277) => Seccomp,
        (Abi::X86_64 | Abi::X32, 203 | 204) | (Abi::I386, 241 | 242) | (Abi::Aarch64, 122 | 123) => Affinity,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn roles_agree_with_the_tables() {
        for abi in [Abi::X86_64, Abi::X32, Abi::I386, Abi::Aarch64] {
            for (number, name) in table::numbers(abi) {
                let expected = match name {
                    "execve" | "execveat" => Some(Role::Exec),
                    "fork" | "vfork" => Some(Role::Fork),
                    "clone" => Some(Role::Clone),
                    "clone3" => Some(Role::Clone3),
                    "prctl" => Some(Role::Prctl),
                    "unshare" | "setns" => Some(Role::Namespace),
                    "exit" | "exit_group" => Some(Role::Exit),
                    "setuid" | "setreuid" | "setresuid" | "setuid32" | "setreuid32" | "setresuid32" => {
                        Some(Role::Identity)
                    }
                    "seccomp" => Some(Role::Seccomp),
                    "sched_setaffinity" | "sched_getaffinity" => Some(Role::Affinity),
                    _ => None,
                };
                assert_eq!(role(abi, number), expected, "{abi:?} {number} {name}");
            }
        }
    }
}
