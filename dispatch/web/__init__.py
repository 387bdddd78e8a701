"""The doorways: the board, pages behind links, the JSON API, Twilio's webhooks, health."""
