# Runs one PostgreSQL server for a test process: supervise BIN DIR, as an unprivileged user.
# DIR holds "password" and "settings". Descriptor 3 gets "started" once the server answers; the server
# must not inherit it. Standard input ends when the test process ends, however it ends; then the server
# is stopped by the process id in its data folder, and DIR is removed. So the server never outlives the
# test process.
bin=$1 dir=$2
umask 077
launch() {
	"$bin/initdb" -D "$dir/data" -U valise -A password --pwfile="$dir/password" \
		-E UTF8 --locale=C --no-sync --no-instructions &&
		cat "$dir/settings" >>"$dir/data/postgresql.conf" &&
		"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 100 start
}
if launch >>"$dir/log" 2>&1 </dev/null 3>&-; then
	echo started >&3
fi
exec 3>&-
cat >/dev/null
"$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
cd /
rm -rf "$dir"
