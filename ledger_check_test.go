package pawl_test
