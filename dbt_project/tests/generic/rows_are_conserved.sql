{% test rows_are_conserved(model, bronze) %}

with contagem as (
    select
        (
            select count(*)
            from {{ bronze }}
            where _batch_id <= (select max(_batch_id) from {{ model }})
        ) as linhas_bronze,
        (select coalesce(sum(entregas), 0) from {{ model }}) as linhas_prata
)

select *
from contagem
where linhas_bronze != linhas_prata

{% endtest %}
