"""Published results of boards, beside what a vendor compiler estimates for their chip."""
