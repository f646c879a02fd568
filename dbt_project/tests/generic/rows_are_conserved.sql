{% test rows_are_conserved(model, bronze, rejeitados, chave) %}

with bronze as (
    select case when _corrupt is null then try_cast(trim({{ chave }}) as bigint) end as chave
    from {{ bronze }}
),

contagem as (
    select
        (select count(*) from bronze) as linhas_bronze,
        (select count(*) from {{ model }}) as linhas_prata,
        (select count(*) from {{ rejeitados }}) as linhas_rejeitadas,
        (select count(chave) - count(distinct chave) from bronze) as entregas_superadas
)

select *
from contagem
where linhas_bronze != linhas_prata + linhas_rejeitadas + entregas_superadas

{% endtest %}
