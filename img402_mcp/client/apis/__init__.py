"""The upload APIs, one module each: requests out, answers in, each error a sentence. `send` transports them."""
