"""The sentences the offline model speaks in: plain text with {slots}, many of each kind so that answers differ.

Slots: word (from the prompt), thing, trait, deed, when, person, company, city, number.
"""

from string import Formatter

Parts = tuple[tuple[str, str | None], ...]


def _parsed(text: str) -> tuple[Parts, ...]:
    lines = filter(None, (line.strip() for line in text.splitlines()))
    return tuple(tuple((literal, slot) for literal, slot, _, _ in Formatter().parse(line)) for line in lines)


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (line.strip() for line in text.split(","))))


THINGS = _words(
    """account, invoice, order, delivery, report, export, dashboard, printer, update, contract, meter, schedule,
    refund, login page, search, calendar, backup, keyboard, battery, subscription, handbook, translation, survey,
    shipment, ticket, sensor, door lock, booking, payment, warranty, spare part, newsletter, photo album, mobile app,
    workshop, tax form, upload, password, price list, loading ramp, coffee machine, timetable, forecast, heating"""
)
TRAITS = _words(
    """late, wrong, incomplete, slow, surprisingly good, unclear, out of date, twice as long as promised, too loud,
    blank, hard to find, better than before, locked, unreadable, cheaper than expected, stuck, missing a page,
    inconsistent, very helpful, damaged, empty, reliable, confusing, broken, shorter than planned, still in its box"""
)
DEEDS = _words(
    """check the settings, send a replacement, call back, correct the amount, restart it, add a note, cancel it,
    explain the steps, extend the deadline, compare both versions, ask the supplier, share the log file, book a visit,
    change the address, remove the duplicate, confirm the date, try another browser, write down the serial number,
    update the plan, forward this to finance, measure it again, translate the manual, lower the limit, close the case"""
)
WHENS = _words(
    """yesterday, this morning, since Monday, last week, on Friday evening, two days ago, after the update,
    during the night shift, before the holidays, at the end of the month, within an hour, for the third time,
    right after the move, in the first week, around noon, since the last visit, over the weekend, in early spring"""
)
SENTENCES = _parsed(
    """
    The {thing} has been {trait} {when}.
    {person} told us that the {thing} was {trait}, although {word} had been checked {when}.
    We tried to {deed}, but {word} still looks {trait}.
    In {city} the {thing} worked with {number} users and then turned {trait}.
    Could someone {deed} before {company} notices the {thing}?
    I first saw this {when}, when {word} and the {thing} did not agree.
    After {number} attempts we decided to {deed}.
    {company} promised to {deed} {when}.
    Nothing about {word} changed, yet the {thing} is {trait} now.
    My colleague {person} suggested to {deed} and to leave {word} alone.
    The numbers differ by {number} between the {thing} and {word}.
    Compared with {word}, the {thing} was {trait}.
    It took {number} minutes to {deed}, which is {trait} for a team in {city}.
    What helped in the end was to {deed} {when}.
    Please keep {word} as it is and {deed}.
    The part about {word} is {trait}; the rest of the {thing} is fine.
    {person} from {company} had the same trouble with the {thing} {when}.
    Our office in {city} uses the {thing} {number} times a day.
    If {word} matters, it is wise to {deed} first.
    The {thing} showed {number} errors {when}, all of them about {word}.
    Someone at {company} marked the {thing} as {trait}.
    There are {number} pages on {word}, and none says how to {deed}.
    A short look at {word} was enough to {deed}.
    Since the {thing} moved to {city}, {word} has been {trait}.
    The old {thing} never needed anyone to {deed}.
    {person} measured {word} {number} times and found it {trait}.
    We keep a list of {number} cases where {word} and the {thing} meet.
    For {company} the {thing} is not worth it unless we {deed}.
    The reply about {word} came {when} and was {trait}.
    Both {word} and the {thing} were {trait} when {person} looked {when}.
    As far as I can tell, {word} is the reason to {deed}.
    From {city} it looks as if the {thing} were {trait}.
    Thank you for the quick help with {word} {when}.
    Without {word} the {thing} would have cost us {number} hours.
    One more thing: the {thing} needs {word} to {deed}.
    {company} sent {number} letters about the {thing} {when}.
    """
)
TITLES = _parsed(
    """
    {thing} for {word} {trait} {when}
    {word}: {thing} {number} is {trait}
    Please {deed} for {person} ({word})
    Question about {word} and {thing} {number}
    {number} problems with the {thing} in {city}
    {word} and the {thing} of {company}
    How to {deed} with {word} {number}
    {thing} for {word} still {trait} in {city}
    {city}: {word} {trait} {when}
    Request to {deed} for {person}
    {thing} number {number} is {trait}
    Notes on {word}, {thing} and {city}
    {person} reports {word} as {trait}
    {word} {when}: {thing} {number} {trait}
    {company} asks us to {deed}
    {thing} {number}: {word} {trait}
    """
)
QUESTIONS = _parsed(
    """
    What does the text say about {word} and the {thing} {person} mentions?
    How is {word} connected with {thing} number {number}?
    Why was the {thing} of {company} {trait} {when}?
    Who should {deed} when {word} is {trait} in {city}?
    How many times does {word} matter for the {thing} of {company}?
    What happens to {word} if {person} does not want to {deed}?
    Which part of {thing} {number} explains why {word} is {trait}?
    When did {person} notice that {word} was {trait}?
    Is {word} enough to {deed}, or is the {thing} from {city} needed as well?
    What would {company} have to change so that {word} is no longer {trait}?
    Where in {city} does {word} come up together with the {thing}?
    How would you {deed} with only {number} minutes and {word} at hand?
    Can {person} {deed} before {word} turns {trait}?
    Does {word} explain the {number} errors of the {thing} {when}?
    """
)
ANSWERS = _parsed(
    """
    According to the text it depends on {word}; the {thing} is {trait} otherwise.
    Mainly {word}, because the {thing} was {trait} {when}.
    The text names {word} and says to {deed}.
    It is {word}: {person} had to {deed} {when}.
    About {number}, counting {word} and the {thing} together.
    Yes, as long as {word} comes first; then {deed}.
    No, since {word} was {trait} when {company} looked {when}.
    One should {deed} and look at {word} again.
    Both, though {word} weighs more than the {thing} in {city}.
    {person} did, after the {thing} turned {trait} {when}.
    """
)
