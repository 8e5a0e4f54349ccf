# Runs one command inside its control groups; leaves its first process and its end on disk for any later agent.
#
#   sh shim.sh STATE STDOUT STDERR OOM_SCORE_ADJ [CGROUP_PROCS ...] -- COMMAND [ARGUMENT ...]
#
# STATE/started: /proc/PID/stat of the first process (pid, session, start time), written just before the command.
# STATE/exit:    "exited CODE" or "signaled 128+NUMBER", complete only with its newline. It is made before the command
#                begins, of spaces, and written over: a disk that is full at the end has kept room for it.
# STATE/notes:   what this shell itself said: why it could not start, or the name of the signal that ended the command.
#
# Nothing is spawned here but the command: every step is a builtin. Variables have a prefix because a variable that is
# also in the command's environment would reach it changed.

exec 2>"$1/notes" </dev/null
printf '%16s' '' >"$1/exit" || exit 1

# The inner shell becomes the command. It enters the groups itself ("0" means the writer), so no instruction of the
# command runs outside; the outer shell stays outside, so that it outlives a kill of the whole group.
(
  tepui_state=$1 tepui_stdout=$2 tepui_stderr=$3
  if [ -n "$4" ]; then
    echo "$4" >/proc/self/oom_score_adj || exit 1
  fi
  shift 4
  while [ "$1" != -- ]; do
    echo 0 >"$1" || exit 1
    shift
  done
  shift
  read -r tepui_line </proc/self/stat || exit 1
  exec >>"$tepui_stdout" || exit 1
  printf '%s\n' "$tepui_line" >"$tepui_state/started" || exit 1
  exec 2>>"$tepui_stderr" || exit 1
  exec "$@"
)
tepui_status=$?

# A shell gives 128+n for signal n and also for a program that returns that number; only for a signal it names it on
# its error stream. It stays silent for INT (130) and PIPE (141): there the number has to do.
tepui_how=exited
if [ -s "$1/notes" ] || [ "$tepui_status" = 130 ] || [ "$tepui_status" = 141 ]; then
  tepui_how=signaled
fi
printf '%s %s\n' "$tepui_how" "$tepui_status" 1<>"$1/exit"
exit "$tepui_status"
