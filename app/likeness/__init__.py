"""How like a text is to a subject: the sentence encoder, and what is measured with it."""
