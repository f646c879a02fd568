"""Checks by what they look at; dbt-bouncer loads every module of this folder.

A check gets dbt's resource as the manifest has it, and calls `fail` where it breaks the rule. Its
name in dbt-bouncer.yml is the function's, its parameters are the keyword-only arguments.
"""
