"""`the-stream doctor`: what is wrong, and what to do about it. Each module looks at one
side and changes nothing."""
