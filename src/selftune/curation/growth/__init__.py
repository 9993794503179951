"""Growth: new examples of state obedience, each checked from both sides before it counts (mission D11)."""
