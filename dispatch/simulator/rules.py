"""Twilio's rules as tables and pure functions: error codes, magic numbers, opt-out words, segments."""

from __future__ import annotations

import enum
import re

ERRORS: dict[int, tuple[int, str]] = {
    20001: (400, "Invalid parameter"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20009: (409, "Cannot delete message because delivery of the message is not yet finalised."),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url parameter is required, or is not a valid URL"),
    21210: (400, "'From' phone number not verified"),
    21211: (400, "The 'To' number is not a valid phone number."),
    21212: (400, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID."),
    21213: (400, "'From' phone number is required"),
    21214: (400, "'To' phone number cannot be reached"),
    21215: (400, "Account not authorized to call this number. Perhaps you need to enable some geo permissions"),
    21216: (400, "Account not allowed to call this number."),
    21217: (400, "Phone number does not appear to be valid"),
    21218: (400, "The Twiml parameter is longer than 4000 characters"),
    21220: (400, "Invalid call state"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number is not a valid, SMS-capable Twilio phone number for your account."),
    21608: (400, "The number is unverified. Trial accounts cannot send messages to unverified numbers."),
    21609: (400, "The 'StatusCallback' URL is not a valid URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The message cannot be sent with the current combination of 'To' and 'From' parameters."),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21705: (400, "The Messaging Service Sid is invalid"),
    30409: (400, "This message cannot be canceled"),
    35111: (400, "SendAt is required and must be a time in UTC"),
    35114: (400, "SendAt must be between 300 seconds and 35 days from now"),
    35118: (400, "MessagingServiceSid is required to schedule a message"),
    90007: (400, "ValidityPeriod must be an integer between 1 and 36000"),
}

# What Twilio says of codes that only appear on a message after it was accepted.
DELIVERY_ERRORS: dict[int, str] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
}

MAGIC = "+1500555000"
MAGIC_TEXT_TO = {"1": 21211, "2": 21612, "3": 21408, "4": 21610, "9": 21614}
MAGIC_TEXT_FROM = {"1": 21212, "7": 21606, "8": 21611}
MAGIC_CALL_TO = {"1": 21217, "2": 21214, "3": 21215, "4": 21216}
MAGIC_CALL_FROM = {"1": 21212}

OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
OPT_IN_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

E164 = re.compile(r"\+[1-9]\d{6,14}")
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_DOUBLE = frozenset("^{}\\[~]|€\f")
LOOK_ALIKES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", " ": " "})


class TwilioError(Exception):
    """A refusal in Twilio's own words: an error code, its HTTP status and a message."""

    def __init__(self, code: int, message: str | None = None) -> None:
        self.status, text = ERRORS.get(code, (400, f"Error {code}"))
        self.code = code
        self.message = message or text
        super().__init__(f"{code}: {self.message}")

    def as_json(self) -> dict[str, object]:
        """The body that the SDK turns into an exception."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


class Keyword(enum.StrEnum):
    """What a whole message can mean to Twilio itself; the values are those of OptOutType."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


NOTICES = {
    Keyword.STOP: "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe.",
    Keyword.START: "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    Keyword.HELP: "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def keyword(body: str) -> Keyword | None:
    """The opt-out, opt-in or help word that a text is. The whole message counts: "STOP PLEASE" is none."""
    word = body.strip().upper()
    if word in OPT_OUT_WORDS:
        return Keyword.STOP
    if word in OPT_IN_WORDS:
        return Keyword.START
    return Keyword.HELP if word in HELP_WORDS else None


def magic(number: str, codes: dict[str, int]) -> int | None:
    """The error that one of Twilio's test numbers stands for, or None."""
    return codes.get(number.removeprefix(MAGIC)) if number.startswith(MAGIC) else None


def segments(body: str) -> int:
    """How many SMS parts a text takes: GSM-7 160 or 153 each, anything else makes it UCS-2, 70 or 67 each.

    A character that takes two places is never cut in half between parts. An empty text takes one part.
    """
    if all(char in GSM7 or char in GSM7_DOUBLE for char in body):
        single, part, costs = 160, 153, [2 if char in GSM7_DOUBLE else 1 for char in body]
    else:
        single, part, costs = 70, 67, [2 if ord(char) > 0xFFFF else 1 for char in body]
    if sum(costs) <= single:
        return 1
    count, used = 1, 0
    for cost in costs:
        if used + cost > part:
            count, used = count + 1, 0
        used += cost
    return count


def smart_encoded(body: str) -> str:
    """The text with typographic look-alikes replaced by GSM-7 characters."""
    return body.translate(LOOK_ALIKES)
