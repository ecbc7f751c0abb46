package main

import "github.com/spf13/cobra"

var environmentHelp = &cobra.Command{
	Use:   "environment",
	Short: "The environment variables that pawl reads",
	Long: `A flag that is not given is taken from a variable, if there is such, and from the config
after that:

  PAWL_DB            --db, the database; in the config: db
  PAWL_CONFIG        -c, the config
  PAWL_OUTPUT        -o
  PAWL_TZ            --tz
  PAWL_COLOR         --color
  PAWL_STOP_TIMEOUT  --stop-timeout of pawl run
  PAWL_LOG_LEVEL     --log-level of pawl run
  PAWL_LISTEN        --listen of pawl run, and so PAWL_LISTEN_TOKEN, PAWL_LISTEN_HOST
                     and PAWL_LISTEN_READ_ONLY

Other variables that begin with PAWL_ are what commands find in theirs: see pawl help
config. NO_COLOR takes colour away; COLUMNS is how wide tables are where there is no
terminal; TZ is the zone of here. NOTIFY_SOCKET and WATCHDOG_USEC are a service manager's.`,
}
