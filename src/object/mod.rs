//! Kernel objects that any program can share: memory, semaphores, queues,
//! sockets.

pub mod mq;
pub mod sem;
pub mod shm;
pub mod socket;
