"""Texts: the outbox, receipts, what people answer, and the one gateway to Twilio."""
