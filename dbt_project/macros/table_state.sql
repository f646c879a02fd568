{% macro table_state() %}
    {%- if not execute or model.resource_type != 'model' or flags.WHICH not in ('build', 'run') -%}
        {{ return({'read': {}, 'nothing_new': false, 'next': {'version': 1}}) }}
    {%- endif -%}
    {%- set known = graph.nodes[model.unique_id] -%}
    {%- if 'table_state' not in known -%}
        {%- do known.update(table_state=_read_table_state()) -%}
    {%- endif -%}
    {{ return(known.table_state) }}
{% endmacro %}

{% macro _read_table_state() %}
    {%- set reads = model.config.meta.get('reads', {}) -%}
    {%- set existing = load_relation(this) -%}
    {%- set parts = ["select '' as kind, '' as a, '' as b, '' as c"] -%}
    {%- if existing is not none and not existing.is_view -%}
        {%- do parts.append(
            "select 'ref', name, cast(snapshot_id as string), '' from "
            ~ this ~ ".refs"
        ) -%}
        {%- do parts.append(
            "select 'snapshot', cast(snapshot_id as string), coalesce(cast(parent_id as string), ''), "
            ~ "coalesce(summary['malha.state'], '') from " ~ this ~ ".snapshots"
        ) -%}
    {%- endif -%}
    {%- for name, column in reads.items() -%}
        {%- set relation = source(*name.split('.')) if '.' in name else ref(name) -%}
        {%- if column == 'snapshot' -%}
            {%- do parts.append(
                "select 'read', '" ~ name ~ "', cast(max_by(snapshot_id, name != 'main') as string), '' from "
                ~ relation ~ ".refs where name in ('main', '" ~ build_branch() ~ "')"
            ) -%}
        {%- else -%}
            {%- do parts.append(
                "select 'read', '" ~ name ~ "', cast(coalesce(max(" ~ column ~ "), -1) as string), "
                ~ "cast(coalesce(min(" ~ column ~ "), -1) as string) from " ~ relation
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set head = namespace(id='') -%}
    {%- set snapshots = {} -%}
    {%- set newest = {} -%}
    {%- set oldest = {} -%}
    {%- if parts | length > 1 -%}
        {%- for row in run_query(parts | join('\nunion all\n')) -%}
            {%- if row.kind == 'ref' and row.a == 'main' -%}
                {%- set head.id = row.b | string -%}
            {%- elif row.kind == 'snapshot' -%}
                {%- do snapshots.update({row.a | string: row}) -%}
            {%- elif row.kind == 'read' -%}
                {%- do newest.update({row.a: row.b | int}) -%}
                {%- do oldest.update({row.a: row.c | int(-1)}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}

    {%- set recorded = namespace(state={}) -%}
    {%- for _ in snapshots -%}
        {%- if head.id in snapshots and not recorded.state -%}
            {%- set found = snapshots[head.id] -%}
            {%- if found.c -%}
                {%- set recorded.state = fromjson(found.c) -%}
            {%- endif -%}
            {%- set head.id = found.b | string -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set state = recorded.state -%}
    {%- set read = state.get('read', {}) -%}
    {%- set usable = namespace(yes=(
        reads | length > 0
        and read.keys() | sort == reads.keys() | sort
        and state.get('checksum') == model.checksum.checksum
        and not should_full_refresh()
    )) -%}
    {%- for name, column in reads.items() if usable.yes -%}
        {#- Where all rows are newer, or none is, the input was made anew and may lack old keys. -#}
        {%- if column != 'snapshot' and not oldest[name] <= read[name] <= newest[name] -%}
            {%- set usable.yes = false -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return({
        'read': read if usable.yes else {},
        'nothing_new': usable.yes and read == newest,
        'next': {
            'version': state.get('version', 0) + 1,
            'checksum': model.checksum.checksum,
            'read': newest,
        },
    }) }}
{% endmacro %}
