"""The optional advisor: what a language model is asked, how its replies are read, what stands in for it.

The model itself is a function handed in (`Ask`), so that everything here is pure.

    prompts    what is asked          replies    what may be answered
    stand_in   what the rules say     rows       the table
    chat       a question in free words
"""

from market_assets.crypto.transforms.advice.prompts import Prompt
from market_assets.crypto.transforms.advice.rows import Answer, Ask, advice_rows, blended

__all__ = ["Answer", "Ask", "Prompt", "advice_rows", "blended"]
