"""Writes text of a wanted kind and length out of phrases, made-up names and words of the prompt."""

from collections.abc import Callable, Sequence
from random import Random

from synthmill_gateway.offline import phrases
from synthmill_gateway.offline.fake import Fake
from synthmill_gateway.offline.prompt import Prompt


class Writer:
    """One answer's voice."""

    def __init__(self, prompt: Prompt, rng: Random) -> None:
        self.fake = Fake(rng)
        self._rng = rng
        self._keywords = prompt.keywords()
        self._prompt = prompt
        self._slots: dict[str, Callable[[], str]] = {
            "word": self.word,
            "thing": lambda: rng.choice(phrases.THINGS),
            "trait": lambda: rng.choice(phrases.TRAITS),
            "deed": lambda: rng.choice(phrases.DEEDS),
            "when": lambda: rng.choice(phrases.WHENS),
            "person": self.fake.person,
            "company": lambda: self.fake.call("company"),
            "city": lambda: self.fake.call("city"),
            "number": lambda: str(rng.randint(2, 480)),
        }

    def word(self) -> str:
        """A telling word of the prompt, or one of our own things."""
        return self._rng.choice(self._keywords or phrases.THINGS)

    def title(self) -> str:
        """One line without a full stop."""
        return self._from(phrases.TITLES)

    def question(self) -> str:
        """One question."""
        return self._from(phrases.QUESTIONS)

    def answer(self) -> str:
        """One or two sentences that answer something."""
        return f"{self._from(phrases.ANSWERS)} {self.sentence()}"

    def sentence(self) -> str:
        """One sentence."""
        return self._from(phrases.SENTENCES)

    def paragraph(self) -> str:
        """Three to five sentences, no pattern twice."""
        count = self._rng.randint(3, 5)
        return " ".join(map(self._filled, self._rng.sample(phrases.SENTENCES, count)))

    def quotation(self) -> str:
        """A sentence of the prompt, verbatim; a sentence of our own when it has none."""
        found = self._prompt.sentences()
        return self._rng.choice(found) if found else self.sentence()

    def fitted(self, text: str, shortest: int, longest: int) -> str:
        """`text`, lengthened by sentences or cut at a word so that its length lies within the bounds."""
        while len(text) < shortest:
            text = f"{text} {self.sentence()}"
        if len(text) <= longest:
            return text
        cut = text[:longest]
        at_word = cut[: cut.rfind(" ")].rstrip(" ,;:(") if " " in cut else cut
        return at_word if len(at_word) >= shortest else cut

    def _from(self, templates: Sequence[phrases.Parts]) -> str:
        return self._filled(self._rng.choice(templates))

    def _filled(self, template: phrases.Parts) -> str:
        text = "".join(literal + (self._slot(slot) if slot else "") for literal, slot in template)
        return text[:1].upper() + text[1:]

    def _slot(self, slot: str) -> str:
        return self._slots[slot]()
