//! Kernel objects that any program can share: memory, semaphores, queues,
//! FIFOs, sockets.

pub mod fifo;
pub mod mq;
pub mod sem;
pub mod shm;
pub mod socket;
