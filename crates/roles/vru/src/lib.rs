//! The voice response unit: answers calls, plays prompts, collects digits, carries out wishes.
