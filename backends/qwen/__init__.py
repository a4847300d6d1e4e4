"""What a Qwen model is: its dimensions, its weights (synthetic or a checkpoint), and the float32 reference."""
