"""The stages: functions from DataFrames to a DataFrame, without files or clocks.

`workflow` calls them; `analysis`, `export` and `report` use single ones. What a stage returns has the columns and
dtypes that `schema` declares (`schema.conform`), and a stage never changes the frame that it is given. `checks`
returns notes in place of frames.
"""
