//! Live lines in the style of strace, and the summary table.
