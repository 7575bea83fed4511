//! Making another process take the end of its own child, by ptrace(2).
//!
//! What is done here to the other process is undone before it goes on, but for
//! the call itself. Between the change and its undoing this process must not
//! die: the other one would be left with registers that are not its own, or be
//! killed by the trap of a single step.

use nix::errno::Errno;

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel does not let this process trace that one, or it is gone.
    System(Errno),
    /// It is being stopped, or a signal is just being delivered.
    Signal,
    /// It is in no system call.
    NoCall,
    /// It is a 32-bit program.
    OtherWidth,
    /// This processor has not been tried.
    Processor,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal::System(errno)
    }
}

/// Has the process `parent`, asleep in a system call, call
/// `wait4(zombie, NULL, WNOHANG, NULL)`; gives what that returned: the number
/// of the zombie, 0, or a negative errno. Its sleep goes on afterwards.
///
/// `is_right` is asked when the parent has been stopped and cannot change.
/// The caller has all signals of this process blocked.
///
/// # Errors
/// [`Refusal`]; nothing was changed then.
pub fn wait_in(parent: i32, zombie: i32, is_right: impl Fn() -> bool) -> Result<i64, Refusal> {
    #[cfg(target_arch = "x86_64")]
    return traced::wait_in(parent, zombie, is_right);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (parent, zombie, is_right);
        Err(Refusal::Processor)
    }
}

#[cfg(target_arch = "x86_64")]
mod traced {
    use std::ffi::c_void;
    use std::ptr::null_mut;

    use libc::user_regs_struct as Registers;
    use nix::errno::Errno;

    use super::Refusal;

    /// The selector of 64-bit code of user space.
    const CODE_64: u64 = 0x33;
    /// The instruction `syscall`, as the low bytes of a word.
    const SYSCALL: i64 = 0x050f;
    /// PTRACE_EVENT_STOP, in the high bits of a wait status.
    const EVENT_STOP: i32 = 128;
    const GET_MASK: libc::c_uint = 0x420a;
    const SET_MASK: libc::c_uint = 0x420b;
    /// Every signal but SIGTRAP: the single step makes one, and the kernel
    /// would take a handler away from a process that blocks it.
    const ALL_BUT_TRAP: u64 = !(1 << (libc::SIGTRAP - 1));
    /// The size of a set of signals of the kernel.
    const MASK_SIZE: usize = size_of::<u64>();

    /// A process that is stopped for us; let go when dropped.
    struct Stopped {
        pid: i32,
        /// To be delivered when it goes on.
        signal: i32,
    }

    pub(super) fn wait_in(
        parent: i32,
        zombie: i32,
        is_right: impl Fn() -> bool,
    ) -> Result<i64, Refusal> {
        let stopped = Stopped::seize(parent)?;
        let own = stopped.registers()?;
        if own.cs != CODE_64 {
            return Err(Refusal::OtherWidth);
        }
        let before = own.rip.wrapping_sub(2);
        let is_in_call = own.orig_rax.cast_signed() >= 0;
        if !is_in_call || stopped.word(before)? & 0xffff != SYSCALL {
            return Err(Refusal::NoCall);
        }
        if !is_right() {
            return Err(Refusal::Signal);
        }
        let mask = stopped.mask()?;
        let mut ours = own;
        ours.rip = before;
        ours.rax = libc::SYS_wait4 as u64;
        // No call to restart while this one is made.
        ours.orig_rax = u64::MAX;
        ours.rdi = zombie.cast_unsigned().into();
        ours.rsi = 0;
        ours.rdx = (libc::WNOHANG | libc::__WALL).cast_unsigned().into();
        ours.r10 = 0;
        stopped.set_mask(ALL_BUT_TRAP)?;
        // From here to the last line nothing is allocated, printed or decided.
        let stepped = stopped.set_registers(&ours).and_then(|()| stopped.step());
        let result = stepped.and_then(|()| stopped.registers());
        let restored = stopped.set_registers(&own);
        let unmasked = stopped.set_mask(mask);
        let result = result?;
        restored?;
        unmasked?;
        Ok(result.rax.cast_signed())
    }

    impl Stopped {
        fn seize(pid: i32) -> Result<Stopped, Refusal> {
            // SAFETY: SEIZE takes no memory of ours.
            let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, null(), null()) };
            Errno::result(seized)?;
            let mut stopped = Stopped { pid, signal: 0 };
            // SAFETY: INTERRUPT takes no memory of ours.
            let asked = unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, null(), null()) };
            Errno::result(asked)?;
            let status = stopped.wait()?;
            if status >> 16 != EVENT_STOP {
                // A signal is on its way: it goes on with it.
                stopped.signal = libc::WSTOPSIG(status);
                return Err(Refusal::Signal);
            }
            if libc::WSTOPSIG(status) != libc::SIGTRAP {
                // Stopped by a signal, together with its threads.
                return Err(Refusal::Signal);
            }
            Ok(stopped)
        }

        /// Waits until it stops; the whole status.
        fn wait(&self) -> Result<i32, Errno> {
            loop {
                let mut status = 0;
                // SAFETY: the status is writable and outlives the call.
                let found = unsafe { libc::waitpid(self.pid, &raw mut status, libc::__WALL) };
                match Errno::result(found) {
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno),
                    Ok(_) if libc::WIFSTOPPED(status) => return Ok(status),
                    Ok(_) => return Err(Errno::ESRCH),
                }
            }
        }

        fn step(&self) -> Result<(), Errno> {
            // SAFETY: SINGLESTEP takes no memory of ours, and no signal.
            let done = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, self.pid, null(), null()) };
            Errno::result(done)?;
            self.wait().map(drop)
        }

        fn registers(&self) -> Result<Registers, Errno> {
            // SAFETY: all zeros is a valid value of this plain C struct.
            let mut found: Registers = unsafe { std::mem::zeroed() };
            let into = (&raw mut found).cast::<c_void>();
            // SAFETY: the struct is the one that GETREGS fills, and is writable.
            let done = unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, null(), into) };
            Errno::result(done).map(|_| found)
        }

        fn set_registers(&self, registers: &Registers) -> Result<(), Errno> {
            let from = std::ptr::from_ref(registers).cast_mut().cast::<c_void>();
            // SAFETY: the struct is the one that SETREGS reads, and only reads.
            let done = unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.pid, null(), from) };
            Errno::result(done).map(drop)
        }

        /// Eight bytes of its program.
        fn word(&self, address: u64) -> Result<i64, Errno> {
            let at = std::ptr::without_provenance_mut::<c_void>(address as usize);
            Errno::clear();
            // SAFETY: the address is one of the other process; a wrong one is an error.
            let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, at, null()) };
            match Errno::last() {
                // Any number is a possible word.
                errno if word == -1 && errno != Errno::UnknownErrno => Err(errno),
                _ => Ok(word),
            }
        }

        fn mask(&self) -> Result<u64, Errno> {
            let mut mask = 0_u64;
            let into = (&raw mut mask).cast::<c_void>();
            // SAFETY: the mask is as long as is said, and writable.
            let done = unsafe { libc::ptrace(GET_MASK, self.pid, MASK_SIZE, into) };
            Errno::result(done).map(|_| mask)
        }

        fn set_mask(&self, mask: u64) -> Result<(), Errno> {
            let from = (&raw const mask).cast_mut().cast::<c_void>();
            // SAFETY: the mask is as long as is said, and only read.
            let done = unsafe { libc::ptrace(SET_MASK, self.pid, MASK_SIZE, from) };
            Errno::result(done).map(drop)
        }
    }

    impl Drop for Stopped {
        fn drop(&mut self) {
            let signal = std::ptr::without_provenance_mut::<c_void>(self.signal as usize);
            // SAFETY: DETACH takes no memory of ours; the last argument is a signal.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, self.pid, null(), signal) };
        }
    }

    fn null() -> *mut c_void {
        null_mut()
    }
}
