#!/bin/sh
# Plays gsettings, kreadconfig6, networksetup and others: it runs as a copy of itself that is named
# after the program. What is set is a file in state/ beside it; `calls` has a line for each call.

here=${0%/*}
name=${0##*/}

show() {
    # The files have one line without an end, at which `read` reports a failure.
    IFS= read -r line <"$1" || :
    printf '%s' "$line"
}

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

gsettings() { # VERB SCHEMA [KEY [VALUE]]
    if [ "$2" != org.gnome.system.proxy ] || [ -e "$state/absent" ]; then
        fail "No such schema “$2”"
    fi
    case $1 in
    get)
        case $3 in
        mode) default="'none'" ;;
        *) default="''" ;;
        esac
        if [ -e "$state/$3" ]; then show "$state/$3"; else printf '%s' "$default"; fi
        printf '\n'
        ;;
    reset) /bin/rm -f "$state/$3" ;;
    set) [ -e "$state/deaf" ] || printf '%s' "$4" >"$state/$3" ;;
    esac
}

kreadconfig() { # --file F --group G --key KEY --default VALUE
    [ "$2,$4" = "kioslaverc,Proxy Settings" ] || fail "asked for $2, $4"
    if [ -e "$state/$6" ]; then show "$state/$6"; else printf '%s' "$8"; fi
    printf '\n'
}

kwriteconfig() { # --file F --group G --key KEY --delete ''|-- VALUE
    [ "$2,$4" = "kioslaverc,Proxy Settings" ] || fail "asked for $2, $4"
    case $7 in
    --delete) /bin/rm -f "$state/$6" ;;
    --) printf '%s' "$8" >"$state/$6" ;;
    esac
}

networksetup() { # VERB [SERVICE [VALUE]]
    if [ "$1" = -listallnetworkservices ]; then
        printf 'An asterisk (*) denotes that a network service is disabled.\n'
        for service in "$state"/*/; do
            service=${service%/}
            if [ -e "$service/disabled" ]; then printf '*'; fi
            printf '%s\n' "${service##*/}"
        done
        return
    fi
    service=$state/$2
    if [ ! -d "$service" ]; then
        printf '%s is not a recognized network service.\n** Error: no such service.\n' "$2"
        exit 4
    fi
    case $1 in
    -getautoproxyurl)
        printf 'URL: '
        if [ -e "$service/url" ]; then show "$service/url"; else printf '(null)'; fi
        if [ -e "$service/on" ]; then on=Yes; else on=No; fi
        printf '\nEnabled: %s\n' "$on"
        ;;
    -setautoproxyurl)
        printf '%s' "$3" >"$service/url"
        : >"$service/on"
        ;;
    -setautoproxystate) if [ "$3" = on ]; then : >"$service/on"; else /bin/rm -f "$service/on"; fi ;;
    esac
}

reg() { # query KEY|add KEY /v NAME /t TYPE /d VALUE /f|delete KEY /v NAME /f
    case $1 in
    query)
        printf '\r\n%s\r\n' "$2"
        for value in "$state"/*; do
            [ -e "$value" ] || continue
            printf '    %s    ' "${value##*/}"
            show "$value"
            printf '\r\n'
        done
        printf '\r\n%s\\5.0\r\n' "$2"
        ;;
    add) printf '%s    %s' "$6" "$8" >"$state/$4" ;;
    delete)
        [ -e "$state/$4" ] || fail "FEHLER: Der Wert wurde nicht gefunden."
        /bin/rm "$state/$4"
        ;;
    esac
}

{
    printf '%s' "$name"
    if [ $# -gt 0 ]; then printf '\t%s' "$@"; fi
    printf '\n'
} >>"$here/calls"

if [ -e "$here/state/broken/$name" ]; then
    /bin/cat "$here/state/broken/$name" >&2
    exit 1
fi

state=$here/state/$name
case $name in
gsettings | networksetup | reg) "$name" "$@" ;;
kreadconfig? | kwriteconfig?)
    state=$here/state/kde
    "${name%?}" "$@"
    ;;
esac
