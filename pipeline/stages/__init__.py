"""The stages: functions from DataFrames to a DataFrame, without files, clocks or state.

`workflow` calls them, and nothing else imports them. What a stage returns has the columns and dtypes that
`schema` declares (`schema.conform`), and a stage never changes the frame that it is given.
"""
