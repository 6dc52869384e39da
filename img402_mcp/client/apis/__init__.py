"""The upload APIs, one room each: requests out, answers in, each error a sentence. `send` carries them, and may pay."""
