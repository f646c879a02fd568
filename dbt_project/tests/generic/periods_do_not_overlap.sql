{% test periods_do_not_overlap(model, key, valid_from, valid_to) %}

with periodo as (
    select
        {{ key }},
        {{ valid_from }} as desde,
        {{ valid_to }} as ate,
        lead({{ valid_from }}) over (partition by {{ key }} order by {{ valid_from }}) as proximo
    from {{ model }}
)

select *
from periodo
where ate < desde or ate > proximo

{% endtest %}
