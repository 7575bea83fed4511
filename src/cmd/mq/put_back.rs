//! What happens to a message that was taken and could not be delivered.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::escape::escaped;
use crate::name::Name;
use crate::object::mq::Queue;
use crate::output::tell;
use crate::runtime;

/// Puts a message back at the tail of its priority; else saves and names it;
/// else, as the last resort, says what it was. `verb` is who says it.
pub(super) fn put_back(verb: &str, queue: &Queue, name: &Name, priority: u32, message: &[u8]) {
    // In a queue that was removed meanwhile nobody would ever find it.
    let is_there = queue.require_name().is_ok();
    if is_there && matches!(queue.try_send(priority, message), Ok(true)) {
        return;
    }
    let stem = [b"mq.", name.as_bytes()].concat();
    match runtime::save(OsStr::from_bytes(&stem), message) {
        Ok(path) => tell(format_args!(
            "ipc: {verb}: {name}: a message of priority {priority} could not go back and is saved in {}",
            escaped(path.as_os_str().as_bytes())
        )),
        Err(error) => tell(format_args!(
            "ipc: {verb}: {name}: a message of priority {priority} could neither go back nor be saved \
             ({error}); it was: {}",
            escaped(message)
        )),
    }
}
