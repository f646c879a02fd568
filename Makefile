setup:
	@sh stack/setup.sh
