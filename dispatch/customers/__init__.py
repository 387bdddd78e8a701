"""Few, true, kind texts to customers: which event earns which notice, once each."""
