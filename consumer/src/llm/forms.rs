//! Which form of answer a model at an address can be asked for; learned once, kept for the process.

use std::sync::{Mutex, PoisonError};

use crate::contract::Rung;

/// The memory of one (address, route).
pub struct Forms(Mutex<State>);

struct State {
    rung: Rung,
    /// An answer came on this rung: a refusal that does not name the form has another cause.
    proven: bool,
}

/// What follows from a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask again with a weaker form.
    Down(Rung),
    /// The form is not the cause.
    Stay,
}

impl Default for Forms {
    fn default() -> Self {
        Self(Mutex::new(State { rung: Rung::JsonSchema, proven: false }))
    }
}

impl Forms {
    /// The strongest form known to work, or not known not to.
    pub fn rung(&self) -> Rung {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rung
    }

    /// An answer came on `rung`: what was only tried before is now known.
    pub fn answered(&self, rung: Rung) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rung == state.rung || (rung > state.rung && !state.proven) {
            *state = State { rung, proven: true };
        }
    }

    /// The request was refused on `rung`; `named` says that the complaint names the form.
    ///
    /// Without that a weaker form is only tried: it is kept when an answer comes on it.
    pub fn refused(&self, rung: Rung, named: bool) -> Step {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(below) = rung.below() else { return Step::Stay };
        if named {
            if below > state.rung {
                *state = State { rung: below, proven: false };
            }
            return Step::Down(below);
        }
        let known = state.proven && rung <= state.rung;
        if known { Step::Stay } else { Step::Down(below) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_refusal_steps_down_for_all() {
        let forms = Forms::default();
        assert_eq!(forms.refused(Rung::JsonSchema, true), Step::Down(Rung::JsonMode));
        assert_eq!(forms.rung(), Rung::JsonMode);
        assert_eq!(forms.refused(Rung::JsonMode, true), Step::Down(Rung::Prompt));
        assert_eq!(forms.refused(Rung::Prompt, true), Step::Stay);
    }

    #[test]
    fn an_unnamed_refusal_is_tried_lower_and_kept_only_when_that_works() {
        let forms = Forms::default();
        assert_eq!(forms.refused(Rung::JsonSchema, false), Step::Down(Rung::JsonMode));
        assert_eq!(forms.rung(), Rung::JsonSchema, "nothing is known yet");
        forms.answered(Rung::JsonMode);
        assert_eq!(forms.rung(), Rung::JsonMode);
        assert_eq!(forms.refused(Rung::JsonMode, false), Step::Stay, "the form is proven");
    }

    #[test]
    fn a_form_that_worked_is_not_blamed() {
        let forms = Forms::default();
        forms.answered(Rung::JsonSchema);
        assert_eq!(forms.refused(Rung::JsonSchema, false), Step::Stay);
        assert_eq!(forms.refused(Rung::JsonSchema, true), Step::Down(Rung::JsonMode));
    }
}
