-- An owner takes a person out of the organisation: the roles on its sides go, the person stays.

GRANT DELETE ON staff_roles TO shunfu_app;
