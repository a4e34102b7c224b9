//! Counts tasks that have to end before the program may.

use std::sync::Arc;

use tokio::sync::watch;

/// Tasks that run; clones count together.
#[derive(Clone)]
pub struct Tasks(Arc<watch::Sender<usize>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// Counts one task until it is dropped, a panic included.
struct Running(Tasks);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Tasks {
    /// Runs a task of its own.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.send_modify(|count| *count += 1);
        let running = Running(self.clone());
        tokio::spawn(async move {
            let _running = running;
            task.await;
        });
    }

    /// Waits until none runs.
    pub async fn ended(&self) {
        // the sender lives as long as self
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_has_ended_too() {
        let tasks = Tasks::default();
        tasks.spawn(async {});
        tasks.spawn(async { panic!("as the test wants it") });
        tasks.ended().await;
    }
}
